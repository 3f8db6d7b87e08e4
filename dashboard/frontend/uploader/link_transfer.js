// One recording that the server fetches from its link, told line by line.

import { API, parsed } from "../shared/api.js";

const STALLED_SECONDS = 90;

// Has the same face as the transfer of a file. *onProgress* gets the bytes that have come, and of how many.
export class LinkTransfer {
  constructor({ link, path, options }, batchId, onProgress) {
    this.stopper = new AbortController();
    this.movedAt = performance.now();
    this.answer = this.#run({ batch_id: batchId, link, path, ...options }, onProgress).catch(() => ({ status: 0 }));
  }

  abort() {
    this.stopper.abort();
  }

  // Whether the connection is silently dead: lines come twice a second.
  get stalled() {
    return performance.now() - this.movedAt > STALLED_SECONDS * 1000;
  }

  async #run(body, onProgress) {
    const response = await fetch(`${API}/upload/link`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: this.stopper.signal,
    });
    const { status, headers } = response;
    if (!response.ok) {
      const retryAfterSeconds = Number(headers.get("Retry-After")) || 0;
      return { status, body: parsed(await response.text()), retryAfterSeconds };
    }
    for await (const { upload, problem, received, size } of linesOf(response.body)) {
      this.movedAt = performance.now();
      if (upload) return { status, body: upload };
      if (problem) return { status: problem.status, body: problem };
      onProgress(received, size);
    }
    return { status: 0 };
  }
}

// Yields the values of lines of JSON, however they are cut on their way.
export async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let begun = "";
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (begun + (value ?? "")).split("\n");
    begun = done ? "" : lines.pop();
    for (const line of lines) if (line) yield JSON.parse(line);
    if (done) return;
  }
}
