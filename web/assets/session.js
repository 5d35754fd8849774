// A WHIP or WHEP session (RFC 9725): one offer, one answer, then trickled candidates and
// ICE restarts by PATCH, and DELETE at the end.

import { fragment, iceServers, restarted, withStereo } from './sdp.js';

const OFFER = 'application/sdp';
const FRAGMENT = 'application/trickle-ice-sdpfrag';
const REQUEST_TIMEOUT = 10_000;
const TRICKLE_DELAY = 30; // collects candidates into one PATCH
const DISCONNECTED_PATIENCE = 2_000; // a short dip often heals itself
const RESTART_TIMEOUT = 6_000;

// HTTPError is a refusal by the server; its message is the problem's detail.
export class HTTPError extends Error {
  constructor(status, detail, retryAfter) {
    super(detail || `the server answered ${status}`);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function errorOf(res) {
  const problem = res.headers.get('Content-Type')?.includes('json') ? await res.json().catch(() => null) : null;
  return new HTTPError(res.status, problem?.detail, Number(res.headers.get('Retry-After')));
}

// Servers from the Link of an earlier answer. They take effect from the next gathering
// on: an ICE restart, or the next session.
let knownServers = [];

export class Session {
  #endpoint;
  #headers;
  #abort = new AbortController();
  #url; // of the session, from Location
  #etag; // of the ICE session; unset while a restart is under way
  #candidates = []; // gathered, not yet sent
  #gathered = false;
  #timer;

  // token is a Bearer token or null.
  constructor(endpoint, token) {
    this.#endpoint = endpoint;
    this.#headers = token ? { Authorization: `Bearer ${token}` } : {};
    this.pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: knownServers });
    this.pc.onicecandidate = ({ candidate }) => this.#gather(candidate);
  }

  // fetch is bounded in time and ends with the session. No answer is a TypeError, as it is
  // without a network.
  async #fetch(url, { headers, ...init } = {}) {
    const request = new AbortController();
    const abort = () => request.abort();
    const timer = setTimeout(abort, REQUEST_TIMEOUT);
    this.#abort.signal.addEventListener('abort', abort);
    try {
      return await fetch(url, { ...init, headers: { ...this.#headers, ...headers }, signal: request.signal });
    } catch (e) {
      throw e.name === 'AbortError' ? new TypeError('no answer') : e;
    } finally {
      clearTimeout(timer);
      this.#abort.signal.removeEventListener('abort', abort);
    }
  }

  // open sends the offer for what prepare(pc) added and takes the answer.
  async open(prepare) {
    prepare(this.pc);
    const offer = await this.pc.createOffer();
    await this.pc.setLocalDescription({ type: 'offer', sdp: withStereo(offer.sdp) });
    const res = await this.#fetch(this.#endpoint, {
      method: 'POST',
      headers: { 'Content-Type': OFFER },
      body: this.pc.localDescription.sdp,
    });
    if (res.status !== 201) throw await errorOf(res);
    this.#url = new URL(res.headers.get('Location'), res.url);
    const servers = iceServers(res.headers.get('Link'));
    if (servers.length) {
      knownServers = servers;
      this.pc.setConfiguration({ bundlePolicy: 'max-bundle', iceServers: servers });
    }
    await this.pc.setRemoteDescription({ type: 'answer', sdp: withStereo(await res.text()) });
    this.#etag = res.headers.get('ETag');
    this.#flush();
  }

  #gather(candidate) {
    if (candidate?.candidate) this.#candidates.push(candidate.candidate);
    else this.#gathered = true;
    this.#flush();
  }

  // flush sends what has been gathered. A candidate that does not arrive is no harm:
  // the server learns addresses from connectivity checks as well.
  #flush() {
    if (!this.#etag || this.#timer || (!this.#candidates.length && !this.#gathered)) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (!this.#etag) return;
      const body = fragment(this.pc.localDescription.sdp, this.#candidates, this.#gathered);
      this.#candidates = [];
      this.#gathered = false;
      this.#patch(body, this.#etag).catch(() => {});
    }, TRICKLE_DELAY);
  }

  #patch(body, etag) {
    return this.#fetch(this.#url, {
      method: 'PATCH',
      headers: { 'Content-Type': FRAGMENT, 'If-Match': etag },
      body,
    });
  }

  // restart moves the session to new ICE credentials and candidates, for example after
  // the device has changed networks.
  async restart() {
    this.#etag = undefined;
    this.#candidates = [];
    this.#gathered = false;
    const answer = this.pc.currentRemoteDescription.sdp;
    const offer = await this.pc.createOffer({ iceRestart: true });
    await this.pc.setLocalDescription({ type: 'offer', sdp: withStereo(offer.sdp) });
    const res = await this.#patch(fragment(this.pc.localDescription.sdp, [], false), '*');
    if (res.status !== 200) throw await errorOf(res);
    await this.pc.setRemoteDescription({ type: 'answer', sdp: restarted(answer, await res.text()) });
    this.#etag = res.headers.get('ETag');
    this.#flush();
  }

  // alive asks the server whether it still has the session.
  async alive() {
    return (await this.#fetch(this.#url)).ok;
  }

  // connected resolves when media can flow, and rejects after ms or on failure.
  connected(ms) {
    return this.#reach(['connected'], ms).catch(() => {
      throw new Error('no connection to the server: its port 8000 (UDP and TCP) may be blocked on the way');
    });
  }

  // ended resolves when the connection is lost for good. Until then it heals losses by
  // ICE restarts and tells of them by onChange('restarting' or 'connected').
  async ended(onChange) {
    const dtls = (this.pc.getReceivers()[0] ?? this.pc.getSenders()[0])?.transport;
    const closed = new Promise((resolve) => dtls?.addEventListener('statechange', () => {
      if (dtls.state === 'closed' || dtls.state === 'failed') resolve();
    }));
    await Promise.race([closed, this.#heal(onChange)]);
  }

  async #heal(onChange) {
    for (;;) {
      const state = await this.#reach(['disconnected', 'failed', 'closed']);
      if (state === 'closed') return;
      if (state === 'disconnected' && (await this.#reach(['connected'], DISCONNECTED_PATIENCE).catch(() => null))) continue;
      onChange('restarting');
      try {
        await this.restart();
        await this.#reach(['connected'], RESTART_TIMEOUT);
      } catch {
        return;
      }
      onChange('connected');
    }
  }

  // reach resolves with the connection's state once it is one of states; after ms, or if
  // the connection closes first, it rejects.
  #reach(states, ms) {
    const { pc } = this;
    return new Promise((resolve, reject) => {
      const done = (settle, v) => {
        clearTimeout(timer);
        pc.removeEventListener('connectionstatechange', check);
        this.#abort.signal.removeEventListener('abort', abort);
        settle(v);
      };
      const abort = () => (states.includes('closed') ? done(resolve, 'closed') : done(reject, new Error('closed')));
      const check = () => states.includes(pc.connectionState) && done(resolve, pc.connectionState);
      const timer = ms && setTimeout(() => done(reject, new Error('timeout')), ms);
      pc.addEventListener('connectionstatechange', check);
      this.#abort.signal.addEventListener('abort', abort);
      if (this.#abort.signal.aborted) abort();
      else check();
    });
  }

  // close ends the session here and on the server, also while the page goes away.
  close() {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort();
    clearTimeout(this.#timer);
    this.pc.close();
    if (this.#url) fetch(this.#url, { method: 'DELETE', headers: this.#headers, keepalive: true }).catch(() => {});
  }
}
