// One file on its way, and what else is asked of the server about uploads.

import { API, call, callPatiently, parsed } from "../shared/api.js";

const RESUMABLE_BYTES = 2 ** 24; // what is smaller is sent again as a whole
const HEAD_BYTES = 2 ** 20;
const STALLED_SECONDS = 90;
const SAVING_SECONDS = 900; // a proxy may take all of a file before it passes the first byte on

// Whether the server keeps what arrives of a file when the connection breaks.
export function isResumable(file) {
  return file.size >= RESUMABLE_BYTES;
}

// Asks from where on a large file is to be sent: an answer with its *rest*, or one that says why not. Only the same file
// is continued, by the time it was changed and what it begins with.
export async function lookForRest(file, path, batchId) {
  const head = await file.slice(0, HEAD_BYTES).arrayBuffer().catch(() => null);
  if (!head) return { status: 0 };
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", head));
  const checksum = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const which = { size: file.size, fingerprint: `${file.lastModified}-${checksum}` };
  const answer = await call("GET", `/upload?${new URLSearchParams({ batch_id: batchId, path, ...which })}`);
  return answer.status === 200 ? { ...answer, rest: { ...which, offset: answer.body.arrived } } : answer;
}

// Sends one file, or the rest of it, as the body of one request. The browser streams it from the disk: it is never in
// memory as a whole.
export class FileTransfer {
  constructor({ file, path, options }, batchId, onProgress, rest = null) {
    const { offset = 0, ...which } = rest ?? {};
    const query = new URLSearchParams({ batch_id: batchId, path, ...options, ...which });
    this.request = new XMLHttpRequest();
    this.request.open(rest ? "PATCH" : "POST", `${API}/upload?${query}`);
    this.request.setRequestHeader("Content-Type", "application/octet-stream");
    if (rest) this.request.setRequestHeader("Upload-Offset", offset);
    this.request.upload.onprogress = (event) => this.#progressed(offset + event.loaded, onProgress);
    this.movedAt = performance.now();
    this.sent = offset;
    this.size = file.size;
    this.answer = new Promise((done) => {
      this.request.onload = () => done(this.#answer());
      this.request.onerror = this.request.onabort = () => done({ status: 0 });
    });
    this.request.send(offset ? file.slice(offset) : file);
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

// A file that was moved, renamed or changed since it was chosen breaks its transfer like a bad connection does; in Firefox it
// only keeps the transfer waiting.
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
