// Asking the HTTP API: again and again for what is looked at, and once for what is to be done.

import { call, reasonOf, wasAccepted } from "../shared/api.js";

const HIDDEN_SECONDS = 30; // while the page is in the background
const LONGEST_SECONDS = 10; // longest pause while the page is visible
const BACKOFF_SECONDS = [2, 4, 8, 15, 30];
const COST = 1 / 15; // of the time goes into asking and showing: a batch that is costly to tell is asked for less often

const AWAY = "The dashboard does not answer. It is asked again by itself; if this lasts, start it (make up).";

/** Why an answer is not what was asked for, as a sentence. */
export function troubleOf(answer) {
  return reasonOf(answer, AWAY);
}

/** Asks for one address over and over, at a pace that follows the answers, until it is stopped. */
export class Watch {
  constructor({ address, onAnswer, onTrouble, pace }) {
    Object.assign(this, { address, onAnswer, onTrouble, pace, failures: 0, stopped: false });
    this.look = () => {
      if (!document.hidden) this.now();
    };
    document.addEventListener("visibilitychange", this.look);
    addEventListener("online", this.look);
    this.now();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.asking?.abort();
    document.removeEventListener("visibilitychange", this.look);
    removeEventListener("online", this.look);
  }

  /** Ask at once; an older question is given up, so that its answer can't come in behind the newer one's. */
  async now() {
    if (this.stopped) return;
    clearTimeout(this.timer);
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    const began = performance.now();
    const answer = await call("GET", this.address(), { signal: asking.signal });
    if (asking.signal.aborted) return;
    let seconds;
    if (wasAccepted(answer)) {
      this.failures = 0;
      this.onAnswer(answer.body, answer.at);
      await painted();
      seconds = Math.max(this.pace(answer.body), Math.min((performance.now() - began) / 1000 / COST, LONGEST_SECONDS));
    } else {
      this.onTrouble(answer);
      seconds = BACKOFF_SECONDS[Math.min(this.failures, BACKOFF_SECONDS.length - 1)];
      this.failures += 1;
    }
    if (this.stopped || asking !== this.asking) return;
    const wait = document.hidden ? Math.max(seconds, HIDDEN_SECONDS) : seconds;
    this.timer = setTimeout(() => this.now(), wait * 1000);
  }
}

/** Wait until what was changed is on the screen; nothing is painted while nobody looks. */
const painted = () =>
  new Promise((resolve) => (document.hidden ? resolve() : requestAnimationFrame(() => setTimeout(resolve))));

/** Returns *work* that waits until it was not called for some time. */
export function settled(work, milliseconds) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}
