// Calls of the HTTP API. A call never throws: a connection that breaks is an answer with status 0.

const API = "/api";
const PASSING = new Set([0, 408, 429, 502, 503, 504]);
const SECONDS_BETWEEN_TRIES = [1, 2, 4, 8, 15, 30, 30, 30];
const STALLED_SECONDS = 90;
const NO_CONNECTION = "The server cannot be reached. Check the connection, then try again.";

function isPassing(answer) {
  return PASSING.has(answer.status);
}

function wasAccepted(answer) {
  return answer.status >= 200 && answer.status < 300;
}

function reasonOf(answer) {
  if (answer.status === 0) return NO_CONNECTION;
  return answer.body?.detail ?? `The server answered ${answer.status}. Try again, or look into its log.`;
}

// Waits longer each time, and not less than the server asked for. Somebody who comes back online waits no longer.
function waitBefore(tries, answer, signal, onWait) {
  const seconds = Math.max(SECONDS_BETWEEN_TRIES[tries - 1], answer.retryAfterSeconds || 0);
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

async function call(method, path, body) {
  const json = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    const response = await fetch(API + path, { method, ...json });
    const text = await response.text();
    const retryAfterSeconds = Number(response.headers.get("Retry-After")) || 0;
    return { status: response.status, body: parsed(text), retryAfterSeconds };
  } catch (error) {
    return { status: 0 };
  }
}

// Calls again and again while the trouble is one that passes. *signal* ends the waiting, not a call that is under way.
async function callPatiently(method, path, { body, signal, onWait, isTrouble = isPassing } = {}) {
  for (let tries = 1; ; tries += 1) {
    const answer = await call(method, path, body);
    if (!isTrouble(answer) || tries > SECONDS_BETWEEN_TRIES.length || signal?.aborted) return answer;
    await waitBefore(tries, answer, signal, (seconds) => onWait?.(answer, seconds));
    if (signal?.aborted) return answer;
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return null;
  }
}

// Sends one file as the body of one request. The browser streams it from the disk: it is never in memory as a whole.
class FileTransfer {
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
    return this.sent < this.size && performance.now() - this.movedAt > STALLED_SECONDS * 1000;
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

// Deletes a batch that was not started, with the uploads it has received.
async function deleteBatch(batchId, jobIds) {
  if (wasAccepted(await call("DELETE", `/batch/${batchId}`))) return;
  for (const jobId of jobIds) await deleteUpload(batchId, jobId);
}

function deleteUpload(batchId, jobId) {
  return callPatiently("DELETE", `/batch/${batchId}/jobs/${jobId}`);
}

// A file that was moved, renamed or changed since it was chosen breaks its transfer like a bad connection does.
async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch (error) {
    return false;
  }
}
