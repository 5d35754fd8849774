// Runs in every page before its own scripts: sees the page's peer connections, requests
// and pictures, hears its sound, and is a minimal WHIP and WHEP client of its own.
(() => {
  const e2e = (window.e2e = { pcs: [], posted: 0, firstFrame: 0, frames: 0, status: 0, onTrack() {} });

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      e2e.pcs.push(this);
      this.addEventListener('track', ({ track }) => e2e.onTrack(track));
    }
  };
  const nativeFetch = window.fetch;
  window.fetch = (url, init) => {
    if (init?.method === 'POST') {
      e2e.posted = performance.now();
      e2e.firstFrame = 0;
    }
    return nativeFetch(url, init);
  };

  // pc is the connection that the page uses now.
  Object.defineProperty(e2e, 'pc', { get: () => e2e.pcs.at(-1) });
  const video = () => document.querySelector('video');

  // Pictures that the page really presents.
  e2e.onFrame = () => {};
  addEventListener('DOMContentLoaded', () => {
    const v = video();
    if (!v) return;
    const next = (now, meta) => {
      e2e.frames++;
      if (e2e.posted) e2e.firstFrame ||= meta.presentationTime - e2e.posted;
      e2e.onFrame(v, now, meta);
      v.requestVideoFrameCallback(next);
    };
    v.requestVideoFrameCallback(next);
  });

  const canvas = new OffscreenCanvas(64, 36);
  const ctx2d = canvas.getContext('2d', { willReadFrequently: true });
  e2e.pixels = (v = video()) => {
    ctx2d.drawImage(v, 0, 0, canvas.width, canvas.height);
    return ctx2d.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  // motion is the mean difference of two pictures that are ms apart, 0 to 255, or 0 for a
  // picture of one colour.
  e2e.motion = async (ms = 300) => {
    const a = e2e.pixels();
    await new Promise((r) => setTimeout(r, ms));
    const b = e2e.pixels();
    if (b.every((x, i) => x === b[i % 4])) return 0;
    return a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0) / a.length;
  };

  // heard is the loudest frequency (Hz) of the received sound and its level (dB).
  let context, analyser, source, heardTrack;
  e2e.heard = () => {
    const track = e2e.pc?.getReceivers().map((r) => r.track).find((t) => t.kind === 'audio');
    if (!track) return { hz: 0, db: -200 };
    if (track !== heardTrack) {
      context ??= new AudioContext();
      analyser ??= new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
      source?.disconnect();
      source = context.createMediaStreamSource(new MediaStream([track]));
      source.connect(analyser);
      heardTrack = track;
    }
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    let k = 1;
    for (let i = 2; i < bins.length - 1; i++) if (bins[i] > bins[k]) k = i;
    const [l, m, r] = [bins[k - 1], bins[k], bins[k + 1]];
    if (!Number.isFinite(l + m + r)) return { hz: 0, db: -200 };
    const hz = ((k + (0.5 * (l - r)) / (l - 2 * m + r)) * context.sampleRate) / analyser.fftSize;
    return { hz, db: m };
  };

  // stats are the figures of the page's connection, by kind and direction.
  e2e.stats = async () => {
    const out = { state: e2e.pc?.connectionState ?? 'none', posted: e2e.posted, firstFrame: e2e.firstFrame, frames: e2e.frames };
    const all = [...((await e2e.pc?.getStats()) ?? new Map()).values()];
    for (const s of all) {
      if (s.type !== 'inbound-rtp' && s.type !== 'outbound-rtp') continue;
      const codec = all.find((c) => c.id === s.codecId)?.mimeType.split('/')[1] ?? '';
      out[(s.type === 'inbound-rtp' ? 'in' : 'out') + s.kind] = { ...s, codec };
    }
    return out;
  };

  // observe notes when the picture turns white (e2e.flashes) and when sound begins
  // (e2e.beeps), in ms of the page's clock, as the user would see and hear it.
  e2e.flashes = [];
  e2e.beeps = [];
  e2e.observe = async () => {
    let white = true;
    e2e.onFrame = (v, now, meta) => {
      const was = white;
      white = e2e.pixels(v)[0] > 128;
      if (white && !was) e2e.flashes.push(meta.expectedDisplayTime);
    };
    const ac = new AudioContext();
    const code = `registerProcessor('onset', class extends AudioWorkletProcessor {
      quiet = -1e9;
      process([[samples]]) {
        samples?.forEach((x, i) => {
          if (Math.abs(x) < 0.1) return;
          const at = currentFrame + i;
          if (at - this.quiet > sampleRate / 4) this.port.postMessage(at / sampleRate);
          this.quiet = at;
        });
        return true;
      }
    })`;
    await ac.audioWorklet.addModule(URL.createObjectURL(new Blob([code], { type: 'text/javascript' })));
    const node = new AudioWorkletNode(ac, 'onset');
    node.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = ac.getOutputTimestamp();
      e2e.beeps.push(performanceTime + (data - contextTime) * 1000);
    };
    e2e.onTrack = (track) => {
      if (track.kind === 'audio') ac.createMediaStreamSource(new MediaStream([track])).connect(node);
    };
  };
  // offsets are the times from each flash to its beep; sound that comes first is negative.
  e2e.offsets = () => e2e.flashes.map((f) => e2e.beeps.map((b) => b - f).reduce((x, y) => (Math.abs(y) < Math.abs(x) ? y : x), Infinity))
    .filter((d) => Math.abs(d) < 400);

  const send = async (url, token, sdp) => {
    const headers = { 'Content-Type': 'application/sdp', ...(token && { Authorization: `Bearer ${token}` }) };
    const res = await fetch(url, { method: 'POST', headers, body: sdp });
    e2e.status = res.status;
    if (res.status !== 201) throw new Error(`${res.status}: ${await res.text()}`);
    e2e.resource = new URL(res.headers.get('Location'), res.url).href;
    e2e.answer = await res.text();
    return { type: 'answer', sdp: e2e.answer };
  };
  const only = (transceiver, kind, codec) => {
    const all = (transceiver.sender.track ? RTCRtpSender : RTCRtpReceiver).getCapabilities(kind).codecs;
    transceiver.setCodecPreferences(all.filter((c) => c.mimeType === `${kind}/${codec}` || /rtx|red|ulpfec/.test(c.mimeType)));
  };

  // whep plays url. options: token, video and audio (a codec's name, or false).
  e2e.whep = async (url, { token, video: v = '', audio: a = '' } = {}) => {
    const pc = new RTCPeerConnection();
    const stream = new MediaStream();
    pc.ontrack = ({ track }) => {
      stream.addTrack(track);
      video().srcObject = stream;
    };
    for (const [kind, codec] of [['audio', a], ['video', v]]) {
      if (codec === false) continue;
      const t = pc.addTransceiver(kind, { direction: 'recvonly' });
      if (codec) only(t, kind, codec);
    }
    await pc.setLocalDescription();
    await pc.setRemoteDescription(await send(url, token, pc.localDescription.sdp));
    return e2e.resource;
  };

  // whip publishes the fake camera and its beep to url, or the stream that is given.
  e2e.whip = async (url, { token, video: v = 'H264', audio: a = 'opus', width = 640, height = 360, stream } = {}) => {
    stream = await (stream ?? navigator.mediaDevices.getUserMedia({
      video: v && { width, height, frameRate: 30 },
      audio: a && { echoCancellation: false, autoGainControl: false, noiseSuppression: false },
    }));
    const pc = new RTCPeerConnection();
    for (const track of stream.getTracks()) {
      const t = pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
      only(t, track.kind, track.kind === 'video' ? v : a);
    }
    await pc.setLocalDescription();
    await pc.setRemoteDescription(await send(url, token, pc.localDescription.sdp));
    return e2e.resource;
  };
})();
