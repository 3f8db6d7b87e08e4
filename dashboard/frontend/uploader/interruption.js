// An upload that a reload or a crash ended and that can go on, as the server knows it.

import { callPatiently, wasAccepted } from "../shared/api.js";
import { deleteBatch } from "./transfer.js";
import { memory } from "./memory.js";

export class Interruption {
  constructor(notify) {
    this.notify = notify;
    this.upload = null;
  }

  // Looks for the newest one.
  async look() {
    this.#show(await findInterrupted());
  }

  // Makes it this tab's, to go on with, and returns it; null if another tab was faster.
  async take() {
    const { upload } = this;
    this.#show(null);
    if (upload && (await memory.hold(upload.batchId, upload.notes))) return upload;
    this.look();
    return null;
  }

  async discard() {
    const upload = await this.take();
    if (!upload) return;
    await deleteBatch(upload.batchId);
    memory.forget(upload.batchId);
    await this.look();
  }

  #show(upload) {
    this.upload = upload;
    this.notify();
  }
}

// An open batch of which nothing arrived is left alone: its first one may be on the way, and the server clears it away in time.
async function findInterrupted() {
  for (const { batchId, ...notes } of await memory.abandoned()) {
    const answer = await callPatiently("GET", `/batch/${batchId}`);
    if (!wasAccepted(answer) && answer.status !== 404) return null; // some other time
    const { name, state, jobs, partial_files: parts = 0, partial_bytes: partBytes = 0 } = answer.body ?? {};
    if (state !== "uploading") memory.forget(batchId);
    else if (jobs.length + parts) return { batchId, notes, name, jobs, parts, partBytes };
  }
  return null;
}
