// The end of a batch is told: by the title of the tab, and by a notification to those who asked.

import assert from "node:assert/strict";
import test from "node:test";

import { tellEnds } from "../../dashboard/frontend/notices/teller.js";
import { wishes } from "../../dashboard/frontend/notices/wishes.js";
import { Beacon } from "../../dashboard/frontend/shared/beacon.js";
import { answering } from "./server.js";
import { emptyStorage } from "./storage.js";

test("a tab's title tells of upload and batch at once, and is the page's own again afterwards", () => {
  const document = (globalThis.document = { title: "Batches · Batchscribe", querySelectorAll: () => [] });
  const beacon = new Beacon();
  beacon.tellBatch({ brief: "45 %", name: "Interviews" });
  assert.equal(document.title, "45 % · Interviews");
  beacon.tellUpload("Upload 28 %");
  assert.equal(document.title, "Upload 28 % · 45 % · Interviews");
  document.title = "Batches · Batchscribe"; // Streamlit ran the page again
  beacon.tellBatch({ brief: "4 failed", name: "Interviews" });
  beacon.tellUpload("");
  assert.equal(document.title, "4 failed · Interviews");
  beacon.tellBatch(null);
  assert.equal(document.title, "Batches · Batchscribe");
  document.title = "Devices · Batchscribe";
  beacon.tellUpload("Upload 90 %");
  assert.equal(document.title, "Upload 90 % · Devices · Batchscribe");
  delete globalThis.document;
});

function notifications() {
  const shown = [];
  globalThis.Notification = class {
    constructor(title, { body, tag }) {
      shown.push({ title, body, tag });
    }
  };
  return shown;
}

const listed = (batchId, state, summary = {}) => [
  200,
  { batches: [{ batch_id: batchId, name: "Talks", state, summary: { done: 0, failed: 0, cancelled: 0, ...summary } }] },
];
const lookAt = (batchId) => `GET /batch?limit=1&search=${batchId}`;

test("an end is told once, and nothing is asked for afterwards", async () => {
  emptyStorage();
  const shown = notifications();
  wishes.set("b1", true);
  const { calls } = answering({
    [lookAt("b1")]: [listed("b1", "running"), [503], [0], listed("b1", "failed", { done: 8, failed: 4 })],
  });
  for (let looks = 0; looks < 6; looks += 1) await tellEnds();
  assert.deepEqual(shown, [{ title: "Talks: 4 failed", body: "8 succeeded, 4 failed", tag: "batchscribe.b1" }]);
  assert.equal(calls.length, 4);
});

test("a wish waits for a batch that is not listed yet, and goes with one that was dismissed", async () => {
  emptyStorage();
  const shown = notifications();
  wishes.set("new", true);
  answering({ [lookAt("new")]: [[200, { batches: [] }]] });
  await tellEnds();
  assert.ok(wishes.has("new"));
  await tellEnds(Date.now() + 120_000);
  assert.deepEqual([wishes.has("new"), shown], [false, []]);
});

test("a wish that is taken back while its batch is looked at is not told", async () => {
  emptyStorage();
  const shown = notifications();
  wishes.set("b2", true);
  const { calls } = answering({ [lookAt("b2")]: [listed("b2", "completed")] });
  const told = tellEnds();
  wishes.set("b2", false);
  await told;
  assert.deepEqual([calls.length, shown], [1, []]);
});
