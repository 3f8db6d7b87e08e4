// Which interrupted upload a page offers to continue.

import assert from "node:assert/strict";
import test from "node:test";

import { BatchUpload } from "../../dashboard/frontend/uploader/batch_upload.js";
import { Interruption } from "../../dashboard/frontend/uploader/interruption.js";
import { Status } from "../../dashboard/frontend/uploader/queue.js";
import { interruptedText, verdictText } from "../../dashboard/frontend/uploader/wording.js";
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
  const expected = { batchId: "2026-b", notes: { files: 9 }, name: "Talks", jobs, parts: 0, partBytes: 0 };
  assert.deepEqual(await offered(), expected);
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

test("one of which only the beginning of a large file arrived is offered, and says how much that is", async () => {
  remembering({ "2026-a": { files: 1 } });
  const status = { name: "film.mp4", state: "uploading", jobs: [], partial_files: 1, partial_bytes: 1.9e9 };
  answering({ "GET /batch/2026-a": [[200, status]] });
  const text = "The upload of “film.mp4” was interrupted: 0 of 1 file are on the server, and 1.9 GB of one more. ";
  assert.ok(interruptedText(await offered()).startsWith(text));
});

test("a server that refuses makes nothing forgotten", async () => {
  const left = remembering({ "2026-a": {} });
  answering({ "GET /batch/2026-a": [[500, {}]] });
  assert.equal(await offered(), null);
  assert.deepEqual(left(), ["2026-a"]);
});

const talk = (number, extra = {}) => ({ path: `talks/${number}.mp3`, size: 100, ...extra });

let tries = 0; // each has a batch of its own, since this process keeps the lock of those before

/** An upload of five files that a reload interrupted when two had arrived, and that the person goes on with. */
async function resumed(notes = { files: 5, listed: [1, 2, 3, 4, 5].map((each) => [talk(each).path, 100]) }) {
  const batchId = `2026-${tries += 1}`;
  const left = remembering({ [batchId]: { name: "talks", options: {}, ...notes } });
  const jobs = [talk(1, { job_id: "job 1" }), talk(2, { job_id: "job 2" })];
  const server = answering({
    [`GET /batch/${batchId}`]: [[200, { batch_id: batchId, name: "talks", state: "uploading", jobs }]],
    [`POST /batch/${batchId}/start`]: [[202, {}]],
  });
  const upload = new BatchUpload();
  upload.endings = new Set(["mp3"]);
  await upload.interruption.look();
  await upload.resume();
  return { upload, left, server, batchId };
}

test("options of single files are remembered, and come back with the files", async () => {
  const listed = [[talk(1).path, 100], [talk(3).path, 100, { language: "de" }], [talk(4).path, 100]];
  const { upload, batchId } = await resumed({ files: 3, listed });
  const [, , third, fourth] = upload.queue.items;
  assert.deepEqual([third.options, fourth.options], [{ language: "de" }, {}]);
  upload.choose([third, fourth], { speakers: 2, language: undefined });
  upload.add({ found: [{ path: talk(3).path, file: { size: 90 } }] });
  assert.deepEqual(upload.queue.byPath.get(talk(3).path).options, { speakers: 2 });
  const kept = JSON.parse(localStorage.getItem(OPEN + batchId)).listed;
  assert.deepEqual(kept.filter(([, , options]) => options).map(([path]) => path).sort(), [talk(3).path, talk(4).path]);
});

test("what has arrived keeps the options it was sent with", async () => {
  const { upload } = await resumed();
  const [arrived] = upload.queue.items;
  upload.choose([arrived], { model: "tiny" });
  assert.deepEqual(arrived.options, {});
});

test("whoever goes on after a reload sees every file that was listed, and which of them are missing", async () => {
  const { upload } = await resumed();
  const { queue } = upload;
  assert.deepEqual([queue.size, queue.count(Status.UPLOADED), queue.count(Status.MISSING)], [5, 2, 3]);
  assert.deepEqual([queue.sentBytes, queue.totalBytes], [200, 500], "it is not complete");
  assert.equal(verdictText(upload), "2 of 5 files are on the server. 3 are missing: choose them again.");
});

test("the missing files are found again when they are chosen, changed or not, and others are added", async () => {
  const { upload } = await resumed();
  const chosen = [[1, 100], [3, 100], [4, 120], [6, 100]];
  const found = chosen.map(([each, size]) => ({ path: talk(each).path, file: { size, lastModified: 1 } }));
  assert.deepEqual(upload.add({ found }), { added: 3, leftOut: 1 });
  assert.deepEqual(upload.queue.having(Status.PENDING).map(({ path, size }) => [path, size]), [
    ["talks/3.mp3", 100],
    ["talks/4.mp3", 120],
    ["talks/6.mp3", 100],
  ]);
  assert.deepEqual(upload.queue.having(Status.MISSING).map(({ path }) => path), ["talks/5.mp3"]);
});

test("a batch starts without its missing files only if that is what the person chose", async () => {
  const { upload, left, server, batchId } = await resumed();
  assert.ok(!server.calls.some((call) => call.startsWith("POST")));
  await upload.startWithout();
  assert.equal(server.calls.at(-1), `POST /batch/${batchId}/start`);
  assert.deepEqual([upload.started.files, upload.queue.size, left()], [2, 0, []]);
});

test("a second reload remembers the files that were missing, and those that were added", async () => {
  const { upload, batchId } = await resumed();
  upload.add({ found: [{ path: "talks/6.mp3", file: { size: 7, lastModified: 1 } }] });
  const { listed } = JSON.parse(localStorage.getItem(OPEN + batchId));
  assert.deepEqual(listed.map(([path]) => path).sort(), [1, 2, 3, 4, 5, 6].map((each) => talk(each).path));
});
