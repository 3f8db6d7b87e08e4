// Calls of the HTTP API. A call never throws: a connection that breaks is an answer with status 0.

const API = "/api";
const PASSING = new Set([0, 408, 429, 502, 503, 504]);
const SECONDS_BETWEEN_TRIES = [1, 2, 4, 8, 15, 30, 30, 30];
const CALL_SECONDS = 60;
const STALLED_SECONDS = 90;
const SAVING_SECONDS = 900; // a proxy may take all of a file before it passes the first byte on
const NO_CONNECTION = "The server cannot be reached. Check the connection, then try again.";

export function isPassing(answer) {
  return PASSING.has(answer.status);
}

export function wasAccepted(answer) {
  return answer.status >= 200 && answer.status < 300;
}

export function reasonOf(answer) {
  if (answer.status === 0) return NO_CONNECTION;
  return answer.body?.detail ?? `The server answered ${answer.status}. Try again, or look into its log.`;
}

// Waits longer each time, up to the last step, and not less than the server asked for. Somebody who comes back online
// waits no longer.
export function waitBefore(tries, answer, signal, onWait) {
  const step = SECONDS_BETWEEN_TRIES[tries - 1] ?? SECONDS_BETWEEN_TRIES.at(-1);
  const seconds = Math.max(step, answer.retryAfterSeconds || 0);
  onWait?.(seconds);
  return new Promise((resume) => {
    const ended = new AbortController();
    const end = () => {
      clearTimeout(timer);
      ended.abort();
      resume();
    };
    const timer = setTimeout(end, seconds * 1000);
    addEventListener("online", end, { signal: ended.signal });
    signal?.addEventListener("abort", end, { signal: ended.signal });
  });
}

export async function call(method, path, body) {
  const json = body === undefined
    ? {}
    : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const response = await fetch(API + path, { method, ...json, signal: AbortSignal.timeout(CALL_SECONDS * 1000) });
    const text = await response.text();
    const retryAfterSeconds = Number(response.headers.get("Retry-After")) || 0;
    return { status: response.status, body: parsed(text), retryAfterSeconds };
  } catch {
    return { status: 0 };
  }
}

// Calls until the trouble, if it is one that passes, is over. *signal* ends the waiting, not a call that is under way.
export async function callPatiently(method, path, { body, signal, onWait } = {}) {
  for (let tries = 1;; tries += 1) {
    const answer = await call(method, path, body);
    if (!isPassing(answer) || signal?.aborted) return answer;
    await waitBefore(tries, answer, signal, (seconds) => onWait?.(answer, seconds));
    if (signal?.aborted) return answer;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

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
