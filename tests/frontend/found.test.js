// What is told of a search in all transcripts.

import assert from "node:assert/strict";
import test from "node:test";

import {
  buildingSentence,
  countSentence,
  parametersOf,
  partsOf,
  placeOf,
} from "../../dashboard/frontend/search/found.js";

const index = { recordings: 1200, waiting: 0, unreadable: 0, counting: false };

test("a text is cut at its marks, which count characters and not units of UTF-16", () => {
  assert.deepEqual(partsOf({ text: "𠮷 the budget", marks: [[2, 5]] }), [["𠮷 ", false], ["the", true], [
    " budget",
    false,
  ]]);
  assert.deepEqual(partsOf({ text: "今天天气", marks: [[2, 4]] }), [["今天", false], ["天气", true]]);
  assert.deepEqual(partsOf({ text: "no marks", marks: [] }), [["no marks", false]]);
});

test("what was found is counted, and what was not is told with how much was searched", () => {
  const told = (found, wanted) => countSentence({ q: "x", ...wanted }, { cut: false, index, ...found });
  assert.equal(told({ total: 1, total_hits: 1 }), "1 sentence in 1 recording");
  assert.equal(told({ total: 2, total_hits: 0 }), "2 recordings");
  assert.match(told({ total: 90, total_hits: 20_000, cut: true }), /^More than 20,000 sentences in 90 recordings/);
  assert.equal(
    told({ total: 0, total_hits: 0 }),
    "No transcript has “x” in what is said or in its name. 1,200 recordings were searched.",
  );
  assert.equal(
    told({ total: 1, total_hits: 1, spread: true }),
    "No sentence has all of these words; 1 passage in 1 recording has.",
  );
  assert.match(told({ total: 0, total_hits: 0 }, { language: "de" }), /Only those of the filters were searched/);
});

test("an index that lacks something says so, and one that is complete says nothing", () => {
  assert.equal(buildingSentence(index), "");
  assert.match(buildingSentence({ ...index, waiting: 800 }), /being built: 1,200 of 2,000 transcripts/);
  assert.match(buildingSentence({ ...index, counting: true }), /1,200 of at least 1,200 transcripts/);
  assert.match(buildingSentence({ ...index, unreadable: 2 }), /^2 transcripts cannot be read/);
});

test("a period is asked for by its first day, and a filter that is not set is left out", () => {
  const now = Date.UTC(2026, 0, 31, 12);
  assert.deepEqual(parametersOf({ q: "a", language: "", period: "", batch: "" }, now), { q: "a" });
  assert.deepEqual(parametersOf({ q: "a", language: "de", period: "week", batch: "b" }, now), {
    q: "a",
    language: "de",
    batch: "b",
    since: "2026-01-24",
  });
});

test("a sentence has the address of its second, and a text without times that of its beginning", () => {
  assert.deepEqual(placeOf({ job_id: "a" }, 0), { job: "a", at: "0" });
  assert.deepEqual(placeOf({ job_id: "a" }, 12.5), { job: "a", at: "12.5" });
  assert.deepEqual(placeOf({ job_id: "a" }, null), { job: "a" });
});
