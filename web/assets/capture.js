// Camera, microphone and screen.

const SIZES = { 360: [640, 360], 480: [854, 480], 720: [1280, 720], 1080: [1920, 1080] };

// capture returns the MediaStream for what the form says: source 'camera', 'screen' or
// 'audio'; camera and microphone device ids ('' is the default, 'none' none); height
// and fps.
export async function capture({ source, camera, microphone, height, fps }) {
  const [width, h] = SIZES[height];
  const picture = { width: { ideal: width }, height: { ideal: h }, frameRate: { ideal: fps, max: fps } };
  const sound = microphone === 'none' ? false : { deviceId: exact(microphone), channelCount: { ideal: 2 } };
  if (source !== 'screen') {
    return navigator.mediaDevices.getUserMedia({
      audio: sound,
      video: source === 'camera' && { ...picture, deviceId: exact(camera) },
    });
  }
  const screen = await navigator.mediaDevices.getDisplayMedia({ video: picture, audio: true });
  // The screen's own sound wins over the microphone; the two are not mixed.
  if (sound && !screen.getAudioTracks().length) {
    const mic = await navigator.mediaDevices.getUserMedia({ audio: sound }).catch(() => null);
    mic?.getAudioTracks().forEach((t) => screen.addTrack(t));
  }
  return screen;
}

const exact = (id) => (id ? { exact: id } : undefined);

// fillDevices lists the devices of a kind in a select and keeps its choice. Without a
// permission, browsers give no names.
export async function fillDevices(select, kind, none) {
  const chosen = select.value;
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === kind);
  const named = devices.filter((d) => d.deviceId && d.label);
  const options = named.length ? named.map((d) => new Option(d.label, d.deviceId)) : [new Option('Default', '')];
  if (none) options.push(new Option(none, 'none'));
  select.replaceChildren(...options);
  if (options.some((o) => o.value === chosen)) select.value = chosen;
}

// fillCodecs lists the video codecs that this browser can send, H264 first: it is the one
// that RTMP, HLS and every player take.
export function fillCodecs(select) {
  const order = ['H264', 'H265', 'VP8', 'VP9', 'AV1'];
  const able = new Set(RTCRtpSender.getCapabilities('video')?.codecs.map((c) => c.mimeType.split('/')[1]));
  select.replaceChildren(...order.filter((c) => able.has(c)).map((c) => new Option(c, c)));
}

// preferCodec puts the codec to the front of the transceiver's offer. The others stay, so
// that the server has a choice.
export function preferCodec(transceiver, codec) {
  const all = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
  const wanted = all.filter((c) => c.mimeType === `video/${codec}`);
  if (wanted.length) transceiver.setCodecPreferences?.([...wanted, ...all.filter((c) => !wanted.includes(c))]);
}

// limit sets what the sender may use, in bit/s; 0 leaves it to the browser.
export async function limit(sender, bitrate, fps) {
  const p = sender.getParameters();
  if (!p.encodings?.length) return;
  if (bitrate) p.encodings[0].maxBitrate = bitrate;
  else delete p.encodings[0].maxBitrate;
  if (fps && sender.track?.kind === 'video') p.encodings[0].maxFramerate = fps;
  await sender.setParameters(p);
}

// Level measures how loud a stream is, from 0 to 1.
export class Level {
  #context = new AudioContext();
  #samples = new Float32Array(1024);
  #node;
  #analyser;

  listen(stream) {
    this.#node?.disconnect();
    this.#node = this.#analyser = null;
    if (!stream?.getAudioTracks().length) return;
    this.#context.resume().catch(() => {});
    this.#node = this.#context.createMediaStreamSource(stream);
    this.#analyser = this.#context.createAnalyser();
    this.#node.connect(this.#analyser);
  }

  read() {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, x) => sum + x * x, 0) / this.#samples.length;
    return Math.max(0, Math.min(1, 1 + (10 * Math.log10(power + 1e-9)) / 60)); // -60 dB is 0
  }
}
