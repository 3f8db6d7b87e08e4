// Files on their way to the server: a few at a time, each sent again when the connection broke.

import { call, isPassing, reasonOf, waitBefore, wasAccepted } from "../shared/api.js";
import { LinkTransfer } from "./link_transfer.js";
import { FileTransfer, isReadable, isResumable, lookForRest } from "./transfer.js";
import { Status } from "./queue.js";

const GONE = "The file cannot be read any more: it was moved, renamed or changed. Remove it here, then add it again.";
const SPEED_SECONDS = 10;

// Sends what is pending and checked, each file in one of the parallel places. *onIdle* is called when nothing is left.
export class Sender {
  constructor(upload, onIdle) {
    this.upload = upload;
    this.onIdle = onIdle;
    this.underWay = new Set();
    this.stopped = false;
  }

  // Begins, or takes along what was added since.
  begin() {
    this.waiting = this.#waiting();
    this.#fillPlaces();
  }

  stop() {
    this.stopped = true;
    for (const item of this.underWay) item.stopper.abort();
  }

  #fillPlaces() {
    while (!this.stopped && this.underWay.size < this.upload.parallelUploads) {
      const { value: item } = this.waiting.next();
      if (!item) break;
      this.#occupyPlace(item);
    }
    if (!this.stopped && !this.underWay.size) this.onIdle();
  }

  async #occupyPlace(item) {
    this.underWay.add(item);
    const { queue, batch, speed } = this.upload;
    await deliver(item, { queue, batchId: batch.batchId, speed, notify: () => this.upload.notify() });
    this.underWay.delete(item);
    this.#fillPlaces();
  }

  *#waiting() {
    for (const item of this.upload.queue.items) if (item.checked && item.status === Status.PENDING) yield item;
  }
}

// Sends *item* until it has arrived or is refused, however long an outage takes. Its status tells what became of it.
async function deliver(item, { queue, batchId, speed, notify }) {
  const stopper = (item.stopper = new AbortController());
  const settle = (changes) => {
    if (!stopper.signal.aborted) queue.set(item, changes);
    notify();
  };
  for (let tries = 1;; tries += 1) {
    const answer = await sendOnce(item, batchId, stopper, settle, speed);
    if (stopper.signal.aborted) return;
    const end = wasAccepted(answer) ? arrivedAs(item, answer.body) : await reasonToEnd(item, answer);
    if (end) return settle(end);
    const wasComplete = item.sent === item.size;
    const waiting = { status: Status.WAITING, sent: keptBytes(item), reason: reasonOf(answer) };
    const onWait = (seconds) => settle({ ...waiting, retryAt: Date.now() + seconds * 1000 });
    await waitBefore(tries, answer, stopper.signal, onWait);
    if (stopper.signal.aborted) return;
    const news = answer.status === 0 ? await lookAgain(item, batchId, wasComplete) : null;
    if (news) return settle(news);
  }
}

// What the server keeps of a file that is not sent to its end, as far as the browser knows.
export function keptBytes(item) {
  return !item.link && isResumable(item) ? item.sent : 0;
}

async function sendOnce(item, batchId, stopper, settle, speed) {
  if (item.link) return fetchOnce(item, batchId, stopper, settle, speed);
  settle({ status: Status.UPLOADING, sent: keptBytes(item), reason: "" });
  const found = isResumable(item)
    ? await lookForRest(item.file, item.path, batchId)
    : (await isReadable(item.file) ? null : { status: 0 });
  if (stopper.signal.aborted || (found && !found.rest)) return found;
  let before = found?.rest.offset ?? 0;
  settle({ sent: before });
  const onProgress = (sent) => {
    speed.add(sent - before);
    before = sent;
    settle({ status: sent < item.size ? Status.UPLOADING : Status.SAVING, sent: Math.min(sent, item.size) });
  };
  return answerOf(item, new FileTransfer(item, batchId, onProgress, found?.rest), stopper);
}

// Has the server fetch a recording from its link.
function fetchOnce(item, batchId, stopper, settle, speed) {
  settle({ status: Status.UPLOADING, sent: 0, reason: "" });
  let before = 0;
  const onProgress = (received, size) => {
    speed.add(received - before);
    before = received;
    settle({ sent: received, size: Math.max(size ?? 0, received), sizeKnown: size !== undefined });
  };
  return answerOf(item, new LinkTransfer(item, batchId, onProgress), stopper);
}

async function answerOf(item, transfer, stopper) {
  item.transfer = transfer;
  stopper.signal.addEventListener("abort", () => transfer.abort(), { once: true });
  const answer = await transfer.answer;
  item.transfer = null;
  return answer;
}

function arrivedAs(item, { job_id: jobId, size = item.size }) {
  return { status: Status.UPLOADED, sent: size, size, sizeKnown: true, jobId, reason: "" };
}

async function reasonToEnd(item, answer) {
  if (answer.status === 0 && item.file && !(await isReadable(item.file))) {
    return { status: Status.FAILED, sent: 0, reason: GONE };
  }
  // 409 with a time to come back: more or less of the file had arrived than when it was asked about.
  if (isPassing(answer) || (answer.status === 409 && answer.retryAfterSeconds)) return null;
  return { status: Status.FAILED, sent: 0, reason: reasonOf(answer) };
}

// A broken connection hides what the server had to say: that it has the file, or that it does not want it.
async function lookAgain(item, batchId, wasComplete) {
  if (wasComplete) {
    const batch = await call("GET", `/batch/${batchId}`);
    const job = batch.body?.jobs?.find((one) => one.path === item.path && one.size === item.size);
    if (job) return arrivedAs(item, job);
  }
  const { path, size } = item;
  const check = await call("POST", "/upload/check", { body: { batch_id: batchId, files: [{ path, size }] } });
  const refusal = check.body?.rejected?.[0];
  return refusal ? { status: Status.REFUSED, sent: 0, reason: refusal.reason } : null;
}

// Bytes per second over the last seconds. What is sent twice counts twice: it takes its time all the same.
export class Speed {
  constructor() {
    this.samples = [];
  }

  add(bytes) {
    const now = performance.now();
    this.samples.push({ now, bytes });
    this.#forgetBefore(now);
  }

  get bytesPerSecond() {
    const now = performance.now();
    this.#forgetBefore(now);
    if (!this.samples.length) return 0;
    const seconds = Math.max(1, (now - this.samples[0].now) / 1000);
    return this.samples.reduce((sum, sample) => sum + sample.bytes, 0) / seconds;
  }

  #forgetBefore(now) {
    const old = this.samples.findIndex((sample) => now - sample.now <= SPEED_SECONDS * 1000);
    if (old > 0) this.samples.splice(0, old);
    if (old < 0) this.samples = [];
  }
}
