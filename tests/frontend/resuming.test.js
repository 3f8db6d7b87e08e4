// Which interrupted upload a page offers to continue.

import assert from "node:assert/strict";
import test from "node:test";

import { Interruption } from "../../dashboard/frontend/uploader/interruption.js";
import { answering } from "./server.js";

const OPEN = "batchscribe.open.";

/** Have the browser remember these batches, and return what it still remembers. */
function remembering(notes) {
  const kept = Object.fromEntries(Object.entries(notes).map(([batch, note]) => [OPEN + batch, JSON.stringify(note)]));
  const hidden = {
    getItem: (name) => kept[name] ?? null,
    setItem: (name, value) => (kept[name] = value),
    removeItem: (name) => delete kept[name],
  };
  const storage = new Proxy(kept, { get: (_, name) => hidden[name] ?? kept[name] });
  Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
  return () => Object.keys(kept).map((name) => name.slice(OPEN.length));
}

async function offered() {
  const interruption = new Interruption(() => {});
  await interruption.look();
  return interruption.upload;
}

test("the newest one that is still open and has files is offered, with what the server has of it", async () => {
  remembering({ "2026-a": { files: 3 }, "2026-b": { files: 9 } });
  const jobs = [{ path: "a.mp3", size: 1, job_id: "job" }];
  answering({ "GET /batch/2026-b": [[200, { name: "Talks", state: "uploading", jobs }]] });
  assert.deepEqual(await offered(), { batchId: "2026-b", notes: { files: 9 }, name: "Talks", jobs });
});

test("one that was started or dismissed elsewhere is forgotten", async () => {
  const left = remembering({ "2026-a": {}, "2026-b": {} });
  answering({ "GET /batch/2026-b": [[200, { state: "running", jobs: [] }]], "GET /batch/2026-a": [[404, {}]] });
  assert.equal(await offered(), null);
  assert.deepEqual(left(), []);
});

test("one without files is left alone: its first may be on the way", async () => {
  const left = remembering({ "2026-a": {} });
  answering({ "GET /batch/2026-a": [[200, { state: "uploading", jobs: [] }]] });
  assert.equal(await offered(), null);
  assert.deepEqual(left(), ["2026-a"]);
});

test("a server that refuses makes nothing forgotten", async () => {
  const left = remembering({ "2026-a": {} });
  answering({ "GET /batch/2026-a": [[500, {}]] });
  assert.equal(await offered(), null);
  assert.deepEqual(left(), ["2026-a"]);
});
