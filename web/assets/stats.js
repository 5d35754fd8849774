// Figures for people out of RTCPeerConnection.getStats().

// Meter turns successive reports into rates.
export class Meter {
  #last = new Map();
  #at = 0;

  // read returns the figures since the last call; direction is 'inbound' or 'outbound'.
  async read(pc, direction) {
    const report = await pc.getStats();
    const now = performance.now();
    const seconds = this.#at ? (now - this.#at) / 1000 : 0;
    this.#at = now;
    const codecOf = (s) => report.get(s.codecId)?.mimeType.split('/')[1] ?? '';
    const out = { bitrate: 0, audioBitrate: 0, lost: 0, loss: 0 };
    for (const s of report.values()) {
      if (s.type === `${direction}-rtp`) this.#stream(out, s, codecOf(s), seconds, direction);
      if (s.type === 'remote-inbound-rtp') this.#remote(out, s);
      if (s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded') {
        out.rtt = s.currentRoundTripTime * 1000;
        const local = report.get(s.localCandidateId);
        out.path = [local?.relayProtocol ? 'relay' : local?.protocol, report.get(s.remoteCandidateId)?.address].filter(Boolean).join(' ');
      }
    }
    return out;
  }

  #stream(out, s, codec, seconds, direction) {
    const bytes = direction === 'inbound' ? s.bytesReceived : s.bytesSent;
    const rate = seconds ? (this.#grown(s.id, 'bytes', bytes) * 8) / seconds : 0;
    out.bytes = (out.bytes ?? 0) + bytes;
    if (s.kind === 'audio') {
      out.audioBitrate += rate;
      out.audioCodec = codec;
      return;
    }
    out.bitrate += rate;
    out.videoCodec = codec;
    out.fps = s.framesPerSecond ?? 0;
    out.size = s.frameWidth ? `${s.frameWidth}×${s.frameHeight}` : '';
    out.limit = s.qualityLimitationReason;
    if (direction === 'inbound') {
      const emitted = this.#grown(s.id, 'emitted', s.jitterBufferEmittedCount);
      const delay = this.#grown(s.id, 'delay', s.jitterBufferDelay);
      if (emitted > 0) out.buffer = (delay / emitted) * 1000;
      const lost = this.#grown(s.id, 'lost', s.packetsLost);
      const received = this.#grown(s.id, 'received', s.packetsReceived);
      out.lost = s.packetsLost;
      out.loss = lost > 0 ? lost / (lost + received) : 0;
      out.freezes = s.freezeCount;
    }
  }

  #remote(out, s) {
    if (s.kind === 'video' || out.videoCodec === undefined) out.loss = s.fractionLost ?? 0;
    out.lost += s.packetsLost ?? 0;
  }

  #grown(id, key, value = 0) {
    const k = `${id} ${key}`;
    const d = value - (this.#last.get(k) ?? value);
    this.#last.set(k, value);
    return d;
  }
}

export const bits = (n) => (n >= 1e6 ? `${(n / 1e6).toFixed(1)} Mbit/s` : `${Math.round(n / 1e3)} kbit/s`);
export const ms = (n) => (n === undefined ? '–' : `${Math.round(n)} ms`);
export const percent = (n) => `${(n * 100).toFixed(n > 0 && n < 0.1 ? 1 : 0)} %`;

// show writes the figures into the elements with these names as data-stat.
export function show(root, figures) {
  for (const el of root.querySelectorAll('[data-stat]')) el.textContent = figures[el.dataset.stat] || '–';
}
