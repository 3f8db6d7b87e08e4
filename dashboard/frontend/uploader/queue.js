// The files of a batch in the browser, in their order, with sums that are kept up to date instead of counted anew.

import { optionsText } from "../shared/options.js";
import { deleteUpload } from "./transfer.js";
import { endingOf } from "./choosing.js";

export const Phase = Object.freeze({
  CHOOSING: "choosing", // nothing is sent
  CHECKING: "checking", // the server is asked what it would accept
  UPLOADING: "uploading",
  STOPPED: "stopped", // by the person, or by a reload; what has arrived is kept
  REVIEW: "review", // the rest has arrived, and the person decides about what could not be sent
  STARTING: "starting",
});

export const Status = Object.freeze({
  PENDING: "pending",
  UPLOADING: "uploading",
  SAVING: "saving",
  WAITING: "waiting",
  UPLOADED: "uploaded",
  FAILED: "failed",
  REFUSED: "refused",
  MISSING: "missing", // listed before a reload, and to be chosen again
});
export const UNDER_WAY = [Status.UPLOADING, Status.SAVING, Status.WAITING];
export const isOpenToChoice = ({ status }) => [Status.PENDING, Status.MISSING, Status.FAILED].includes(status);
export const LOST = [Status.FAILED, Status.REFUSED];

// Not every site tells how large a recording is.
export function isOfUnknownSize(item) {
  return Boolean(item.link) && !item.sizeKnown;
}

export class Queue {
  constructor() {
    this.items = new Set();
    this.changed = new Set(); // what a view has yet to paint
    this.totalBytes = 0;
    this.sentBytes = 0;
    this.unsized = 0; // files whose size is not known
    this.counts = Object.fromEntries(Object.values(Status).map((status) => [status, 0]));
    this.byPath = new Map();
  }

  get size() {
    return this.items.size;
  }

  count(...statuses) {
    return statuses.reduce((sum, status) => sum + this.counts[status], 0);
  }

  having(...statuses) {
    return [...this.items].filter((item) => statuses.includes(item.status));
  }

  // How many files the server has all, or the beginning, of.
  get filesThere() {
    return this.count(Status.UPLOADED) + this.having(Status.PENDING).filter(({ sent }) => sent).length;
  }

  // Adds a file, unless it is there; then returns null. Another file of the same path gets a number in its name.
  add({ file, path }) {
    if (this.byPath.get(path)?.status === Status.MISSING) return this.#find(this.byPath.get(path), file);
    let free = path;
    for (let number = 2; this.byPath.has(free); number += 1) {
      const known = this.byPath.get(free);
      if (isSameFile(known, file)) {
        known.file ??= file;
        return null;
      }
      free = numbered(path, number);
    }
    const item = { path: free, file, size: file.size, sent: 0, status: Status.PENDING, reason: "", options: {} };
    this.#insert(item);
    return item;
  }

  // Adds the recording behind a link, unless it is there; then returns null. Another one of the same name gets a number.
  addLink({ link, path, size }) {
    if ([...this.items].some((item) => item.link === link)) return null;
    let free = path;
    for (let number = 2; this.byPath.has(free); number += 1) free = numbered(path, number);
    const item = { ...linked({ link, path: free, size }), options: {} };
    this.#insert(item);
    return item;
  }

  // The files as the browser remembers them: path, size, and their own options and their link if there are any.
  get listed() {
    return [...this.items].map(({ path, size, options, link }) => {
      if (link) return [path, size, options, link];
      return [path, size, ...(optionsText(options) ? [options] : [])];
    });
  }

  // Lists those of the *listed* files that did not arrive before a reload and were not chosen again already.
  addMissing(listed) {
    for (const [path, size, options = {}, link] of listed) {
      if (this.byPath.has(path)) continue;
      if (link) this.#insert({ ...linked({ link, path, size }), options });
      else this.#insert({ path, file: null, size, sent: 0, status: Status.MISSING, reason: "", options });
    }
  }

  // A missing file was chosen again; it may have been changed meanwhile.
  #find(item, file) {
    this.remove(item);
    const { path, options } = item;
    const found = { path, file, size: file.size, sent: 0, status: Status.PENDING, reason: "", options };
    this.#insert(found);
    return found;
  }

  // Lists a file that arrived unseen: before the page was loaded, or when its connection had broken. The browser may
  // have it in the list; another file of the same path gets a number in its name.
  addArrived({ path, size, job_id: jobId, options = {} }) {
    const arrived = { status: Status.UPLOADED, size, sent: size, reason: "", jobId, options };
    const known = this.byPath.get(path);
    if (known?.size === size || known?.link) return this.set(known, arrived);
    if (known) this.remove(known);
    this.#insert({ path, file: null, ...arrived });
    if (known) this.add({ file: known.file, path });
  }

  // The one way to change an item: the sums follow.
  set(item, changes) {
    this.#count(item, -1);
    Object.assign(item, changes);
    this.#count(item, +1);
    this.changed.add(item);
  }

  // Selects files, to be given options together, or takes them out.
  pick(items, picked) {
    for (const item of items) this.set(item, { picked });
  }

  // Gives files options of their own, as long as that counts; undefined is as for the batch.
  choose(items, chosen) {
    for (const item of items.filter(isOpenToChoice)) {
      const options = Object.entries({ ...item.options, ...chosen }).filter(([, value]) => value !== undefined);
      this.set(item, { options: Object.fromEntries(options), picked: false });
    }
  }

  // Makes a file pending as if it had never been tried; one that this browser does not have is dropped.
  sendAgain(item) {
    if (item.file || item.link) {
      this.set(item, { status: Status.PENDING, sent: 0, reason: "", jobId: null, checked: false });
    } else this.remove(item);
  }

  // What is left belongs to another batch from now on: nothing of it was checked, or has arrived there.
  leaveBatch() {
    for (const item of this.having(Status.PENDING)) this.sendAgain(item);
    for (const item of this.items) item.checked = false;
  }

  remove(item) {
    if (!this.items.delete(item)) return;
    this.#count(item, -1);
    this.byPath.delete(item.path);
    item.removed = true;
    this.changed.add(item);
  }

  #insert(item) {
    this.items.add(item);
    this.byPath.set(item.path, item);
    this.#count(item, +1);
    this.changed.add(item);
  }

  #count(item, sign) {
    this.counts[item.status] += sign;
    if (LOST.includes(item.status)) return;
    this.unsized += sign * isOfUnknownSize(item);
    this.totalBytes += sign * item.size;
    this.sentBytes += sign * item.sent;
  }
}

// A recording that the server fetches; *size* may not be known before.
function linked({ link, path, size }) {
  return {
    link,
    path,
    file: null,
    size: size ?? 0,
    sizeKnown: Boolean(size),
    sent: 0,
    status: Status.PENDING,
    reason: "",
  };
}

function numbered(path, number) {
  const ending = endingOf(path);
  const end = path.length - (ending && ending.length + 1); // a name may have no ending
  return `${path.slice(0, end)} (${number})${path.slice(end)}`;
}

function isSameFile(item, file) {
  if (item.size !== file.size) return false;
  return item.file === null || item.file.lastModified === file.lastModified;
}

// Makes the server hold what the person sees: deletes uploads that were removed while they arrived, lists those that
// arrived unseen, and has those sent again that are not there. Returns how many these are.
export async function reconcile(queue, removedPaths, { batch_id: batchId, jobs }, signal) {
  const kept = jobs.filter((job) => queue.byPath.has(job.path) || !removedPaths.has(job.path));
  for (const job of jobs) if (!kept.includes(job)) await deleteUpload(batchId, job.job_id, signal);
  for (const job of kept) if (!queue.byPath.has(job.path)) queue.addArrived(job);
  const there = new Set(jobs.map((job) => job.path));
  const missing = queue.having(Status.UPLOADED).filter((item) => !there.has(item.path));
  missing.forEach((item) => queue.sendAgain(item));
  return { missing: missing.length, jobIds: kept.map((job) => job.job_id) };
}
