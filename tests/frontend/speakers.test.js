// What speakers are called on the page: as in the documents (`tests/unit/test_speaker_documents.py`).

import assert from "node:assert/strict";
import test from "node:test";

import { areSeveral, nameOf } from "../../dashboard/frontend/player/speakers.js";

test("a speaker keeps their number when others go and come", () => {
  const speakers = ["S2", "S3", "anna"].map((id) => ({ id, name: "" }));
  assert.deepEqual(["S3", "S2", "anna"].map((id) => nameOf({ speakers }, id)), ["Speaker 3", "Speaker 2", "anna"]);
});

test("a name stands in place of a number, unless it is blank", () => {
  const speakers = [{ id: "S1", name: "Mary  Ann " }, { id: "S2", name: " " }];
  assert.deepEqual(["S1", "S2", ""].map((id) => nameOf({ speakers }, id)), ["Mary Ann", "Speaker 2", "No speaker"]);
});

test("a lone speaker needs no label", () => {
  assert.equal(areSeveral([{ speaker: "S2" }, { speaker: "" }, { speaker: "S2" }]), false);
  assert.equal(areSeveral([{ speaker: "S2" }, { speaker: "S1" }]), true);
});
