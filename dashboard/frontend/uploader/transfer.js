// One file on its way, and what else is asked of the server about uploads.

import { API, callPatiently, parsed } from "../shared/api.js";

const STALLED_SECONDS = 90;
const SAVING_SECONDS = 900; // a proxy may take all of a file before it passes the first byte on

// Sends one file as the body of one request. The browser streams it from the disk: it is never in memory as a whole.
export class FileTransfer {
  constructor(file, path, batchId, onProgress) {
    const query = new URLSearchParams({ batch_id: batchId, path });
    this.request = new XMLHttpRequest();
    this.request.open("POST", `${API}/upload?${query}`);
    this.request.setRequestHeader("Content-Type", "application/octet-stream");
    this.request.upload.onprogress = (event) => this.#progressed(event.loaded, onProgress);
    this.movedAt = performance.now();
    this.sent = 0;
    this.size = file.size;
    this.answer = new Promise((done) => {
      this.request.onload = () => done(this.#answer());
      this.request.onerror = this.request.onabort = () => done({ status: 0 });
    });
    this.request.send(file);
  }

  abort() {
    this.request.abort();
  }

  // Whether the connection is silently dead. After its last byte a file may take its time: it is being written.
  get stalled() {
    const seconds = this.sent < this.size ? STALLED_SECONDS : SAVING_SECONDS;
    return performance.now() - this.movedAt > seconds * 1000;
  }

  #progressed(sent, onProgress) {
    this.sent = sent;
    this.movedAt = performance.now();
    onProgress(sent);
  }

  #answer() {
    const retryAfterSeconds = Number(this.request.getResponseHeader("Retry-After")) || 0;
    return { status: this.request.status, body: parsed(this.request.responseText), retryAfterSeconds };
  }
}

// Deletes a batch with the uploads it has received, unless it was started somewhere else.
export async function deleteBatch(batchId) {
  const batch = await callPatiently("GET", `/batch/${batchId}`);
  if (batch.body?.state === "uploading") await callPatiently("DELETE", `/batch/${batchId}`);
}

export function deleteUpload(batchId, jobId, signal) {
  return callPatiently("DELETE", `/batch/${batchId}/jobs/${jobId}`, { signal });
}

// A file that was moved, renamed or changed since it was chosen breaks its transfer like a bad connection does.
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
