// What the pages call a batch.

import assert from "node:assert/strict";
import test from "node:test";

import { againOf, badgeOf, briefOf, titleOf } from "../../dashboard/frontend/batches/outcome.js";

const batch = (state, counts = {}) => ({ state, summary: { total: 10, done: 0, failed: 0, cancelled: 0, ...counts } });

test("a batch of which some succeeded is done, in amber, and red only if none did", () => {
  const cases = [
    [batch("completed", { done: 10 }), "Done", "good", "Batch complete"],
    [batch("failed", { done: 6, failed: 4 }), "Done, 4 failed", "warn", "Batch complete, 4 files failed"],
    [batch("failed", { done: 9, failed: 1 }), "Done, 1 failed", "warn", "Batch complete, 1 file failed"],
    [batch("failed", { failed: 10 }), "Failed", "bad", "Batch failed"],
    [batch("failed", { failed: 3, cancelled: 7 }), "Failed", "bad", "Batch failed"],
    [batch("cancelled", { done: 2, failed: 1, cancelled: 7 }), "Cancelled", "warn", "Batch cancelled"],
  ];
  for (const [given, word, kind, title] of cases) {
    const badge = badgeOf(given);
    assert.deepEqual([badge.word, badge.kind, titleOf(given)], [word, kind, title]);
  }
});

test("every state has a badge and a title", () => {
  for (const state of ["uploading", "waiting", "running", "cancelling", "completed", "failed", "cancelled"]) {
    const given = batch(state, { done: 1 });
    assert.ok(badgeOf(given).word && badgeOf(given).kind && titleOf(given), state);
  }
});

test("a batch under way is called what happens in it", () => {
  const cases = [
    [{ uploaded: 10 }, "Preparing"],
    [{ uploaded: 3, converting: 2, queued: 5 }, "Preparing"],
    [{ queued: 10 }, "Waiting for a device"],
    [{ queued: 9, transcribing: 1 }, "Transcribing"],
    [{ queued: 9, done: 1 }, "Transcribing"],
    [{ done: 6, failed: 4 }, "Finishing"],
    [{ done: 6, queued: 4, retrying: 4 }, "Retrying 4 files"],
  ];
  for (const [counts, title] of cases) assert.equal(titleOf(batch("running", counts)), title);
  assert.equal(titleOf(batch("waiting", { done: 9, uploaded: 1, retrying: 1 })), "Retrying 1 file");
});

test("a cancelled batch is run again, whatever failed in it", () => {
  assert.equal(againOf(batch("cancelled", { failed: 2, cancelled: 3 })), "Run Again");
  assert.equal(againOf(batch("failed", { failed: 2, cancelled: 3 })), "Retry Failed");
});

test("the tab of a batch says how far it is, then what it has come to", () => {
  const cases = [
    [batch("uploading"), ""],
    [batch("running", { progress: 0.459, failed: 1 }), "45 %"],
    [batch("completed", { done: 10 }), "Done"],
    [batch("failed", { done: 6, failed: 4 }), "4 failed"],
    [batch("failed"), "Failed"],
    [batch("cancelled", { failed: 1 }), "Cancelled"],
  ];
  for (const [given, brief] of cases) assert.equal(briefOf(given), brief);
});
