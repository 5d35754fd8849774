// The watch page: plays a stream by WHEP, says what is going on while it does not, and
// tries again by itself.

import { Keeper } from './keeper.js';
import { copy, playURLs } from './links.js';
import { Meter, bits, ms, percent, show } from './stats.js';
import { byId, endpoint, sentence, stream, token } from './page.js';

const STALL = 3_000; // no media for so long is worth a word
const ABANDONED = 15_000; // and then the server is asked whether the session lives

const video = byId('video');
const message = byId('message');
const stage = byId('stage');
const soundButton = byId('sound');
const statsPanel = byId('stats');

let media = null; // MediaStream of the current session
let meter = new Meter();
let lastBytes = 0;
let lastMedia = 0; // performance.now() of the last byte

function say(title, detail = '', busy = true) {
  message.hidden = false;
  message.classList.toggle('busy', busy);
  byId('title').textContent = title;
  byId('detail').textContent = detail;
  byId('again').hidden = busy;
}

function playing(on) {
  stage.classList.toggle('playing', on);
  if (on) message.hidden = true;
}

const keeper = new Keeper({
  endpoint: endpoint('whep'),
  token,
  prepare(pc) {
    media = new MediaStream();
    meter = new Meter();
    lastBytes = 0;
    pc.addTransceiver('audio', { direction: 'recvonly' });
    pc.addTransceiver('video', { direction: 'recvonly' });
    pc.ontrack = ({ track }) => {
      media.addTrack(track);
      if (video.srcObject !== media) video.srcObject = media;
      play();
    };
  },
  onState(state, { error, delay } = {}) {
    if (state === 'connecting') {
      if (message.hidden) say('Connecting …');
    } else if (state === 'connected') {
      lastMedia = performance.now();
    } else if (state === 'restarting') {
      say('Connection lost', 'Trying to get it back …');
    } else if (state === 'refused') {
      playing(false);
      if (error.status === 401 || error.status === 403) say('This stream needs a token', 'Open this page with ?token=… in its address.', false);
      else say('This browser and the server do not get along', sentence(error.message), false);
    } else if (state === 'waiting') {
      playing(false);
      explain(error, delay);
    }
  },
});

// explain says why there is no session and when the next attempt is.
function explain(error, delay) {
  const again = `Next attempt in ${Math.max(1, Math.round(delay / 1000))} s.`;
  if (!error) say('Connection lost', 'Connecting again …');
  else if (error.status === 404 || error.status === 409) say(`${stream} is not live yet`, 'The stream starts here by itself as soon as somebody publishes it.');
  else if (error.status === 503 || error.status === 429) say('The server is busy', again);
  else if (error.status) say('The server can’t play this stream here', `${sentence(error.message)} ${again}`);
  else if (error instanceof TypeError) say('The server does not answer', again);
  else say('No connection', `${sentence(error.message)} ${again}`);
}

// play starts playback. Where even muted autoplay is forbidden (iOS in low power mode),
// the button asks for a tap.
async function play() {
  try {
    await video.play();
  } catch (e) {
    if (e.name === 'NotAllowedError') {
      video.muted = true;
      await video.play().catch(() => stage.classList.add('blocked'));
    }
  }
  showSound();
}

function showSound() {
  const hasAudio = media?.getAudioTracks().some((t) => !t.muted);
  soundButton.hidden = !(stage.classList.contains('blocked') || (hasAudio && video.muted));
  soundButton.querySelector('span').textContent = stage.classList.contains('blocked') ? 'Tap to play' : 'Tap for sound';
  byId('mute').setAttribute('aria-pressed', String(!video.muted));
}

function toggleSound() {
  video.muted = !video.muted;
  stage.classList.remove('blocked');
  video.play().catch(() => {});
  showSound();
}

async function fullscreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else if (stage.requestFullscreen) await stage.requestFullscreen();
  else video.webkitEnterFullscreen?.(); // iPhone
}

// tick runs each second: figures, and whether media flows.
async function tick() {
  const pc = keeper.session?.pc;
  if (!pc || pc.connectionState !== 'connected') return;
  const f = await meter.read(pc, 'inbound');
  const now = performance.now();
  if ((f.bytes ?? 0) > lastBytes) {
    lastBytes = f.bytes;
    lastMedia = now;
    playing(true);
  } else if (now - lastMedia > STALL) {
    playing(false);
    if (lastBytes) say('The stream has paused', 'It goes on here by itself.');
    else say(`Waiting for ${stream}`, 'Nobody publishes it yet. It starts here by itself.');
    if (now - lastMedia > ABANDONED) {
      lastMedia = now;
      if (!(await keeper.session.alive().catch(() => false))) keeper.reopen();
    }
  }
  stage.classList.toggle('audio-only', f.videoCodec === undefined && f.audioCodec !== undefined);
  showSound();
  if (!statsPanel.hidden) {
    show(statsPanel, {
      video: [f.videoCodec, f.size, f.fps ? `${Math.round(f.fps)} fps` : ''].filter(Boolean).join(' · '),
      audio: f.audioCodec,
      bitrate: bits(f.bitrate + f.audioBitrate),
      latency: f.rtt === undefined ? '' : ms(f.rtt / 2 + (f.buffer ?? 0)),
      buffer: ms(f.buffer),
      rtt: ms(f.rtt),
      loss: `${percent(f.loss)} (${f.lost} packets)`,
      freezes: String(f.freezes ?? 0),
      path: f.path,
    });
  }
}

byId('again').onclick = () => keeper.start();
soundButton.onclick = toggleSound;
byId('mute').onclick = toggleSound;
byId('full').onclick = fullscreen;
byId('info').onclick = ({ currentTarget }) => {
  statsPanel.hidden = !statsPanel.hidden;
  currentTarget.setAttribute('aria-pressed', String(!statsPanel.hidden));
};
video.onclick = () => !soundButton.hidden && toggleSound();
video.onvolumechange = showSound;
video.onplaying = () => playing(true);
video.ondblclick = fullscreen;

// fillLinks lists where other players find the stream, each with a button that copies it.
function fillLinks() {
  for (const [name, url] of playURLs(location, stream, document.body.dataset, token)) {
    const [term, address, button] = ['dt', 'dd', 'button'].map((tag) => document.createElement(tag));
    term.textContent = name;
    address.textContent = url;
    button.textContent = 'Copy';
    button.setAttribute('aria-label', `Copy the address for ${name}`);
    button.onclick = async () => {
      button.textContent = (await copy(url)) ? 'Copied' : 'Select it';
      setTimeout(() => (button.textContent = 'Copy'), 2000);
    };
    byId('links').lastElementChild.append(term, address, button);
  }
}
byId('share').onclick = ({ currentTarget }) => {
  byId('links').hidden = !byId('links').hidden;
  currentTarget.setAttribute('aria-pressed', String(!byId('links').hidden));
};
fillLinks();

// The bar hides while nobody moves.
let idle;
for (const type of ['pointermove', 'pointerdown', 'keydown']) {
  addEventListener(type, () => {
    stage.classList.remove('idle');
    clearTimeout(idle);
    idle = setTimeout(() => stage.classList.add('idle'), 3000);
  });
}
addEventListener('keydown', ({ key, target }) => {
  if (target.closest('button')) return;
  if (key === 'm') toggleSound();
  if (key === 'f') fullscreen();
  if (key === 'i') byId('info').click();
  if (key === 'l') byId('share').click();
});

addEventListener('pagehide', () => keeper.stop());
addEventListener('pageshow', (e) => e.persisted && keeper.start());
setInterval(tick, 1000);
keeper.start();
