// The publish page: camera, microphone or screen by WHIP.

import { Level, capture, fillCodecs, fillDevices, limit, preferCodec } from './capture.js';
import { Keeper } from './keeper.js';
import { copy } from './links.js';
import { Meter, bits, ms, percent, show } from './stats.js';
import { byId, endpoint, sentence, stream, token } from './page.js';

const form = byId('form');
const preview = byId('preview');
const startButton = byId('start');
const status = byId('status');

let media = null;
let level = null;
let meter = new Meter();
let live = false; // wanted, whatever the connection does at the moment
let since = 0;
let wakeLock = null;

function say(text, kind = '') {
  status.textContent = text;
  status.className = `status ${kind}`;
}

const choice = () => ({
  source: form.source.value,
  camera: form.camera.value,
  microphone: form.microphone.value,
  height: form.height.value,
  fps: Number(form.fps.value),
});

const keeper = new Keeper({
  endpoint: endpoint('whip'),
  token,
  prepare(pc) {
    meter = new Meter();
    for (const track of media.getTracks()) {
      const t = pc.addTransceiver(track, { direction: 'sendonly', streams: [media] });
      if (track.kind === 'video') preferCodec(t, form.codec.value);
    }
  },
  onState(state, { error, delay } = {}) {
    document.body.classList.toggle('live', state === 'connected' && live);
    if (state === 'connecting') say('Connecting …');
    if (state === 'connected') {
      since ||= Date.now();
      say('Live', 'on');
      applyLimits();
    }
    if (state === 'restarting') say('Connection lost, getting it back …', 'warn');
    if (state === 'stopped') say('Ready');
    if (state === 'refused') {
      finish();
      say([401, 403].includes(error.status) ? 'Publishing here needs a token: open this page with ?token=… in its address.' : sentence(error.message), 'bad');
    }
    if (state === 'waiting') {
      const again = `Next attempt in ${Math.max(1, Math.round(delay / 1000))} s.`;
      if (!error) say('Connection lost, connecting again …', 'warn');
      else say(`${error instanceof TypeError ? 'The server does not answer.' : sentence(error.message)} ${again}`, 'warn');
    }
  },
});

// acquire opens the chosen devices and shows them. While live it swaps the tracks, or
// reopens the session if there are now more or fewer.
async function acquire() {
  const fresh = await capture(choice());
  const old = media;
  media = fresh;
  preview.srcObject = fresh;
  // A screen shared by its own bar ends there.
  fresh.getVideoTracks()[0]?.addEventListener('ended', () => media === fresh && stop('The source has ended.'));
  (level ??= new Level()).listen(fresh);
  await Promise.all([
    fillDevices(form.camera, 'videoinput'),
    fillDevices(form.microphone, 'audioinput', 'No sound'),
  ]);
  const pc = keeper.session?.pc;
  if (live && pc) {
    const senders = pc.getSenders();
    const swaps = fresh.getTracks().map((t) => [senders.find((s) => s.track?.kind === t.kind), t]);
    if (senders.length === swaps.length && swaps.every(([s]) => s)) await Promise.all(swaps.map(([s, t]) => s.replaceTrack(t)));
    else keeper.reopen();
    applyLimits();
  }
  old?.getTracks().forEach((t) => t.stop());
}

function applyLimits() {
  for (const sender of keeper.session?.pc.getSenders() ?? []) {
    const video = sender.track?.kind === 'video';
    limit(sender, Number(form[video ? 'bitrate' : 'audio'].value) * 1000, choice().fps).catch(() => {});
  }
}

async function tryAcquire() {
  try {
    await acquire();
    startButton.disabled = false;
    if (!live) say('Ready');
    return true;
  } catch (e) {
    say(reason(e), 'bad');
    return false;
  }
}

function reason(e) {
  switch (e.name) {
    case 'NotAllowedError': return 'The browser did not allow it. Allow camera and microphone for this page, then choose the source again.';
    case 'NotFoundError': return 'There is no such device. Connect one, or choose another source.';
    case 'NotReadableError': return 'The device is in use by another program.';
    case 'OverconstrainedError': return 'The device can’t do that. Choose another device or resolution.';
  }
  return sentence(e.message);
}

async function start() {
  if (!media?.active && !(await tryAcquire())) return;
  live = true;
  since = 0;
  startButton.textContent = 'Stop';
  startButton.classList.add('stop');
  wakeLock = await navigator.wakeLock?.request('screen').catch(() => null);
  keeper.start();
}

function finish() {
  live = false;
  startButton.textContent = 'Start';
  startButton.classList.remove('stop');
  wakeLock?.release();
}

function stop(why) {
  finish();
  keeper.stop();
  media?.getTracks().forEach((t) => why && t.stop());
  if (why) say(why);
}

async function tick() {
  const pc = keeper.session?.pc;
  if (!live || pc?.connectionState !== 'connected') return;
  const f = await meter.read(pc, 'outbound');
  const seconds = Math.floor((Date.now() - since) / 1000);
  show(byId('stats'), {
    bitrate: bits(f.bitrate + f.audioBitrate),
    fps: f.fps === undefined ? '' : `${Math.round(f.fps)} fps`,
    size: f.size,
    codec: [f.videoCodec, f.audioCodec].filter(Boolean).join(' + '),
    rtt: ms(f.rtt),
    loss: percent(f.loss),
    limit: { bandwidth: 'network', cpu: 'processor', none: 'none' }[f.limit],
    time: new Date(seconds * 1000).toISOString().slice(seconds < 3600 ? 14 : 11, 19),
  });
}

function showLevel() {
  byId('level').style.setProperty('--level', level?.read() ?? 0);
  requestAnimationFrame(showLevel);
}

form.onsubmit = (e) => {
  e.preventDefault();
  if (live) stop();
  else start();
};
form.onchange = ({ target }) => {
  document.body.dataset.source = form.source.value;
  if (target.name === 'bitrate' || target.name === 'audio') applyLimits();
  else if (target.name === 'codec') live && keeper.reopen();
  else tryAcquire();
};
byId('copy').onclick = async ({ currentTarget }) => {
  // Without this page's token, which may publish.
  currentTarget.textContent = (await copy(`${location.origin}/${stream}`)) ? 'Copied' : 'Copy it by hand';
};
addEventListener('pagehide', () => live && stop());

if (!navigator.mediaDevices?.getUserMedia) {
  byId('insecure').hidden = false;
  const { port } = document.body.dataset;
  if (port) {
    const url = new URL(location.href);
    url.protocol = 'https:';
    url.port = port;
    byId('secure').href = url.href;
    byId('secure').textContent = `${url.origin}${url.pathname}`;
  }
  say('No camera here');
} else {
  if (!navigator.mediaDevices.getDisplayMedia) byId('screen').remove(); // phones
  fillCodecs(form.codec);
  navigator.mediaDevices.addEventListener('devicechange', () => {
    fillDevices(form.camera, 'videoinput');
    fillDevices(form.microphone, 'audioinput', 'No sound');
  });
  setInterval(tick, 1000);
  showLevel();
  tryAcquire();
}
