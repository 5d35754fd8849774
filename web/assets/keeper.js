// Keeper holds a session up: it opens one, heals it, and opens the next when it is lost.

import { HTTPError, Session } from './session.js';
import { retryDelay } from './sdp.js';

const CONNECT_TIMEOUT = 12_000;
const STABLE = 10_000; // a session that lasted so long is replaced without a delay

export class Keeper {
  #options;
  #abort;
  session = null;

  // options:
  //   endpoint, token: as for Session
  //   prepare(pc): adds what is sent or received
  //   onState(state, detail): 'connecting', 'connected', 'restarting', 'waiting'
  //     ({error, delay}), 'refused' ({error}: trying again is no use), 'stopped'
  constructor(options) {
    this.#options = options;
  }

  start() {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    this.#run(abort.signal);
  }

  stop() {
    if (!this.#abort) return;
    this.#abort.abort();
    this.#abort = null;
    this.session?.close();
    this.#options.onState('stopped');
  }

  // reopen gives the current session up for a new one.
  reopen() {
    this.session?.close();
  }

  async #run(signal) {
    const { endpoint, token, prepare, onState } = this.#options;
    const tell = (...args) => signal.aborted || onState(...args);
    for (let attempt = 0; !signal.aborted; attempt++) {
      let error = null;
      const session = (this.session = new Session(endpoint, token));
      try {
        tell('connecting');
        await session.open(prepare);
        await session.connected(CONNECT_TIMEOUT);
        tell('connected');
        const since = performance.now();
        await session.ended(tell);
        if (performance.now() - since > STABLE) attempt = -1;
      } catch (e) {
        error = e;
      } finally {
        session.close();
      }
      if (signal.aborted) return;
      if (error instanceof HTTPError && [400, 401, 403, 406, 415].includes(error.status)) {
        tell('refused', { error });
        return;
      }
      const delay = attempt < 0 ? 300 : retryDelay(attempt, error?.retryAfter);
      tell('waiting', { error, delay });
      await pause(delay, signal);
    }
  }
}

// pause waits for ms; it ends early when the network comes back or the signal aborts.
function pause(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    signal.addEventListener('abort', end);
  });
}
