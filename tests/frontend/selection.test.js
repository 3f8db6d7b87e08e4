// Which jobs are selected, and what can be done to how many of them.

import assert from "node:assert/strict";
import test from "node:test";

import { buttonWords, outcomeSentence, possible, Selection } from "../../dashboard/frontend/batches/selection.js";

const job = (stage, more = {}) => ({
  job_id: stage,
  stage,
  documents: [],
  runs_again: false,
  flow_run_id: null,
  ...more,
});
const STARTED = { started: true, cancelling: false };

test("a range goes from what was last chosen to what is chosen now, in either direction", () => {
  const selection = new Selection();
  const order = ["a", "b", "c", "d", "e"];
  selection.choose("d", true, { order });
  selection.choose("b", true, { range: true, order });
  assert.deepEqual([...selection.ids].sort(), ["b", "c", "d"]);
  selection.choose("c", false, { range: true, order });
  assert.deepEqual([...selection.ids], ["d"]);
  selection.choose("e", true, { range: true, order: ["e", "x"] }); // the anchor is filtered out
  assert.deepEqual([...selection.ids].sort(), ["d", "e"]);
});

test("all and none are those that the filters show, and what is gone is left out", () => {
  const selection = new Selection();
  selection.choose("hidden", true);
  selection.chooseAll(["a", "b"], true);
  assert.equal(selection.share(["a", "b"]), "all");
  assert.equal(selection.share(["a", "c"]), "some");
  selection.chooseAll(["a", "b"], false);
  assert.equal(selection.share(["a", "b"]), "none");
  assert.deepEqual([...selection.ids], ["hidden"]);
  selection.keep(["a"]);
  assert.equal(selection.ids.size, 0);
});

test("what can be done depends on the stage of each job and on the batch", () => {
  const jobs = [
    job("done", { documents: [{}] }),
    job("failed", { runs_again: true }),
    job("cancelled"), // alone, and it never had a run
    job("cancelled", { flow_run_id: "run" }),
    job("failed", { runs_again: true, upload_removed: true }),
    job("queued"),
  ];
  const counts = (phase) => Object.values(possible(jobs, phase)).map((each) => each.length);
  assert.deepEqual(Object.keys(possible(jobs, STARTED)), ["retry", "cancel", "download", "dismiss"]);
  assert.deepEqual(counts(STARTED), [2, 1, 1, 5]);
  assert.deepEqual(counts({ started: true, cancelling: true }), [0, 0, 1, 5]);
  assert.deepEqual(possible([job("uploaded")], { started: false, cancelling: false }).cancel.length, 1);
});

test("buttons and outcomes say for how many it cannot be done, and why", () => {
  assert.equal(buttonWords("Retry", 5, 5), "Retry");
  assert.equal(buttonWords("Retry", 3, 5), "Retry 3 of 5");
  const refused = (count) => Array.from({ length: count }, (_, at) => ({ done: false, reason: `${at} is done.` }));
  assert.equal(outcomeSentence("dismiss", { done: 1, total: 1, jobs: [] }), "1 job is dismissed.");
  assert.equal(
    outcomeSentence("retry", { done: 3, total: 5, jobs: [{ done: true }, ...refused(2)] }),
    "3 of 5 jobs are retried. 0 is done. 1 is done.",
  );
  assert.equal(
    outcomeSentence("cancel", { done: 1, total: 6, jobs: refused(5) }),
    "1 of 6 jobs is cancelled. 0 is done. 1 is done. 2 is done. And 2 others.",
  );
});
