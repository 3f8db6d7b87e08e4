// The upload of one batch: from the first chosen file to the start of the batch.
//
// It belongs to the browser tab, not to a view: it goes on while the page's script runs again or another page is shown.

import { counted, duration } from "../shared/formats.js";
import { wishes } from "../notices/wishes.js";
import { Beacon } from "../shared/beacon.js";
import { callPatiently, reasonOf, waitBefore, wasAccepted } from "../shared/api.js";
import { deleteBatch, deleteUpload } from "./transfer.js";
import { sortOut } from "./choosing.js";
import { keptBytes, Sender, Speed } from "./delivery.js";
import { Interruption } from "./interruption.js";
import { memory } from "./memory.js";
import { forgetName } from "./options_form.js";
import { beaconText } from "./wording.js";
import { LOST, Phase, Queue, reconcile, Status, UNDER_WAY } from "./queue.js";

const BUSY = [Phase.CHECKING, Phase.UPLOADING, Phase.STARTING];
const MOST_STARTS = 9;
const TICK_MILLISECONDS = 1000; // the rate and the time left change even when nothing arrives

export class BatchUpload {
  constructor() {
    this.views = new Set();
    this.endings = new Set();
    this.parallelUploads = 3;
    this.started = null;
    this.guard = (event) => event.preventDefault();
    this.#empty();
    this.interruption = new Interruption(() => this.notify());
    this.interruption.look();
  }

  get busy() {
    return BUSY.includes(this.phase);
  }

  // Whether the end of the batch is to be told; before there is one it is kept here.
  get tells() {
    return this.batch ? wishes.has(this.batch.batchId) : this.tellsNext;
  }

  setTells(on) {
    this.tellsNext = on;
    return !this.batch || wishes.set(this.batch.batchId, on);
  }

  notify() {
    for (const view of this.views) view.schedule();
    Beacon.ofTab.tellUpload(beaconText(this));
  }

  // Adds what was found. During an upload it goes along with the same batch.
  add({ found, unreadable = [] }) {
    const { media, leftOut } = sortOut(found, this.endings);
    const added = media.filter((one) =>
      this.queue.add(one) || (leftOut.push({ path: one.path, why: "listed" }), false)
    );
    leftOut.push(...unreadable.map((path) => ({ path, why: "unreadable" })));
    return this.#takeAlong(added, leftOut);
  }

  // Adds the recordings that a link leads to, likewise.
  addLinks(recordings) {
    const added = recordings.filter((one) => this.queue.addLink(one));
    const leftOut = recordings.filter((one) => !added.includes(one));
    return this.#takeAlong(added, leftOut.map(({ path }) => ({ path, why: "listed" })));
  }

  #takeAlong({ length: added }, leftOut) {
    this.leftOut.push(...leftOut);
    if (added) this.started = null;
    if (added) this.#note();
    if (added && this.phase === Phase.UPLOADING) this.#admit();
    if (added && this.phase === Phase.REVIEW) this.#enter(Phase.STOPPED);
    this.notify();
    return { added, leftOut: leftOut.length };
  }

  remove(item) {
    this.queue.remove(item);
    item.stopper?.abort();
    if (item.jobId && this.batch) deleteUpload(this.batch.batchId, item.jobId);
    if (this.batch) this.removedPaths.add(item.path);
    this.#note();
    if (!this.queue.size && !this.busy) this.discard();
    this.notify();
  }

  // Gives files options of their own.
  choose(items, chosen) {
    this.queue.choose(items, chosen);
    this.#note();
    this.notify();
  }

  // Uploads what is pending. *name* and *options* count if this is what makes the batch.
  async begin({ name, options }) {
    if (this.busy) return;
    const run = (this.run = new AbortController());
    this.#enter(Phase.CHECKING);
    const ready = await this.#prepare(run.signal, name, options);
    if (run.signal.aborted) return;
    this.#enter(ready ? Phase.UPLOADING : this.batch ? Phase.STOPPED : Phase.CHOOSING);
    if (ready) this.#send(run.signal);
  }

  retryFailed(form) {
    for (const item of this.queue.having(...LOST)) this.queue.sendAgain(item);
    return this.begin(form);
  }

  // Stops sending. What has arrived stays on the server until the person decides.
  stop() {
    this.#interrupt();
    for (const item of this.queue.having(...UNDER_WAY)) {
      this.queue.set(item, { status: Status.PENDING, sent: keptBytes(item) });
    }
    if (this.batch && !this.queue.filesThere) this.#leaveBatch();
    this.#enter(this.batch ? Phase.STOPPED : Phase.CHOOSING);
  }

  // Starts the batch with what has arrived.
  startWithout() {
    for (const item of this.queue.having(...LOST, Status.PENDING, Status.MISSING)) {
      this.queue.remove(item);
      this.removedPaths.add(item.path); // it may have arrived in the moment it was stopped
    }
    return this.#start();
  }

  // Gives the upload up: nothing of it stays, here or on the server.
  discard() {
    this.#interrupt();
    if (this.batch) this.#leaveBatch();
    const items = [...this.queue.items];
    items.forEach((item) => this.queue.remove(item));
    this.#empty();
    items.forEach((item) => this.queue.changed.add(item));
    this.#enter(Phase.CHOOSING);
  }

  // Goes on with an upload that a reload ended. The files that are missing have to be chosen again.
  async resume() {
    if (!this.canResume) return;
    const upload = await this.interruption.take();
    if (!upload) return;
    this.batch = { batchId: upload.batchId, name: upload.name, options: upload.notes.options };
    this.tellsNext = this.tells;
    this.removedPaths.clear();
    upload.jobs.forEach((job) => this.queue.addArrived(job));
    this.queue.addMissing(upload.notes.listed ?? []);
    this.#enter(Phase.STOPPED);
  }

  get canResume() {
    return this.interruption.upload !== null && !this.batch && !this.busy;
  }

  #empty() {
    this.queue = new Queue();
    this.phase = Phase.CHOOSING;
    this.batch = null;
    this.tellsNext = false;
    this.problem = "";
    this.freeBytes = null;
    this.leftOut = [];
    this.removedPaths = new Set();
    this.run = new AbortController();
    this.sender = null;
    this.speed = new Speed();
    this.asking = 0; // checks of files that were added on the way
  }

  #enter(phase) {
    this.phase = phase;
    clearInterval(this.ticking);
    removeEventListener("beforeunload", this.guard);
    if (this.busy) {
      this.ticking = setInterval(() => this.#tick(), TICK_MILLISECONDS);
      addEventListener("beforeunload", this.guard);
    }
    this.notify();
  }

  #tick() {
    const beingSent = this.queue.having(Status.UPLOADING, Status.SAVING);
    for (const { transfer } of beingSent) if (transfer?.stalled) transfer.abort();
    this.notify();
  }

  #interrupt() {
    this.run.abort();
    this.sender?.stop();
  }

  // Makes the batch and has it checked. A batch that is gone, or was started elsewhere, is followed by another one.
  async #prepare(signal, name, options) {
    const before = this.batch;
    if ((await this.#openBatch(signal, name, options)) && (await this.#checkAll(signal))) return true;
    return before && !this.batch && !signal.aborted ? this.#prepare(signal, name, options) : false;
  }

  async #openBatch(signal, name, options) {
    if (this.batch) return true;
    const answer = await this.#ask(signal, "POST", "/batch", { name, options });
    if (!wasAccepted(answer)) return this.#fail(answer);
    const batchId = answer.body.batch_id;
    if (signal.aborted) return void deleteBatch(batchId);
    this.batch = { batchId, name, options };
    this.setTells(this.tellsNext);
    await memory.hold(batchId, this.#notes);
    return true;
  }

  // What the browser remembers of the upload, so that a reload does not lose sight of files that are yet to be sent.
  get #notes() {
    const { name, options } = this.batch;
    return { name, options, files: this.queue.size, listed: this.queue.listed };
  }

  #note() {
    if (this.batch) memory.note(this.batch.batchId, this.#notes);
  }

  get #unchecked() {
    return this.queue.having(Status.PENDING).filter((item) => !item.checked);
  }

  // Files that are added while the server is asked are asked about as well.
  async #checkAll(signal) {
    do if (!(await this.#check(signal))) return false; while (this.#unchecked.length);
    return true;
  }

  // Asks which of the new files would be accepted, before the first byte. Returns whether the batch can go on.
  async #check(signal) {
    const unchecked = this.#unchecked;
    const files = unchecked.map(({ path, size }) => ({ path, size }));
    const answer = await this.#ask(signal, "POST", "/upload/check", { batch_id: this.batch.batchId, files });
    if (signal.aborted) return false;
    if (!wasAccepted(answer)) return this.#fail(answer);
    this.freeBytes = answer.body.free_bytes;
    const reasons = new Map(answer.body.rejected.map((refusal) => [refusal.path, refusal.reason]));
    for (const item of unchecked.filter((one) => !one.removed)) {
      const reason = reasons.get(item.path);
      this.queue.set(item, reason ? { status: Status.REFUSED, reason } : { checked: true });
    }
    return true;
  }

  // Asks until there is an answer, and tells the person why it takes time.
  async #ask(signal, method, path, body) {
    const onWait = (answer, seconds) => {
      this.problem = `${reasonOf(answer)} The next try is in ${duration(Math.max(1, seconds))}.`;
      this.notify();
    };
    const answer = await callPatiently(method, path, { body, signal, onWait });
    this.problem = "";
    return answer;
  }

  #fail(answer) {
    this.problem = reasonOf(answer);
    if (this.batch && [404, 409].includes(answer.status)) this.#loseBatch(answer.status === 409);
    return false;
  }

  #loseBatch(wasStarted) {
    memory.forget(this.batch.batchId);
    this.batch = null;
    for (const item of this.queue.having(Status.UPLOADED)) {
      if (wasStarted) this.queue.remove(item);
      else this.queue.sendAgain(item);
    }
    this.queue.leaveBatch();
  }

  #leaveBatch() {
    const { batchId } = this.batch;
    memory.forget(batchId);
    this.batch = null;
    this.queue.leaveBatch();
    deleteBatch(batchId);
  }

  // Takes files along that were added while others are being sent.
  async #admit() {
    const { signal } = this.run;
    this.asking += 1;
    await this.#check(signal);
    if (signal.aborted) return;
    this.asking -= 1;
    this.sender.begin();
  }

  #send(signal) {
    this.asking = 0;
    this.sender = new Sender(this, () => signal.aborted || this.asking || this.#finish());
    this.sender.begin();
  }

  // Never starts with fewer files than the person sees: what could not be sent is for them to decide.
  #finish() {
    if (this.phase !== Phase.UPLOADING) return;
    if (!this.queue.size) this.discard();
    else if (this.queue.count(Status.PENDING)) this.#enter(this.batch ? Phase.STOPPED : Phase.CHOOSING);
    else if (this.queue.count(...LOST, Status.MISSING)) this.#enter(Phase.REVIEW);
    else this.#start();
  }

  async #start() {
    const { signal } = (this.run = new AbortController());
    const { batchId } = this.batch;
    this.#enter(Phase.STARTING);
    for (let tries = 1;; tries += 1) {
      const status = await this.#ask(signal, "GET", `/batch/${batchId}`);
      if (signal.aborted) return;
      if (!wasAccepted(status)) return this.#hold(status);
      const { missing, jobIds } = await reconcile(this.queue, this.removedPaths, status.body, signal);
      if (signal.aborted) return;
      if (missing) return this.#sendMissing(missing);
      const files = this.queue.count(Status.UPLOADED);
      const start = await this.#ask(signal, "POST", `/batch/${batchId}/start`, { jobs: jobIds });
      // It may have been too late to cancel.
      if (wasAccepted(start) && this.batch?.batchId === batchId && (!signal.aborted || !this.busy)) {
        return this.#handOver({ batchId, name: status.body.name, files });
      }
      if (signal.aborted) return;
      // 409: an upload that was given up is still arriving, or has arrived after all in this moment.
      if (start.status !== 409 || tries === MOST_STARTS) return this.#hold(start);
      await waitBefore(tries, start, signal);
      if (signal.aborted) return;
    }
  }

  #sendMissing(files) {
    this.#enter(Phase.STOPPED);
    this.problem = `${counted(files, "file")} went missing on the server. Upload the rest again.`;
    this.notify();
  }

  #hold(answer) {
    if (answer.status === 409) this.problem = reasonOf(answer); // the batch is still open
    else this.#fail(answer);
    this.#enter(this.batch ? Phase.REVIEW : Phase.CHOOSING);
  }

  #handOver(started) {
    memory.forget(started.batchId);
    forgetName();
    for (const item of this.queue.having(Status.UPLOADED)) this.queue.remove(item);
    this.batch = null;
    this.tellsNext = false;
    this.leftOut = [];
    this.removedPaths.clear();
    this.queue.leaveBatch();
    this.started = started;
    this.#enter(Phase.CHOOSING);
    for (const view of this.views) view.lead(started);
  }
}
