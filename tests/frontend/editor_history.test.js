// Undo and redo, drafts, find and replace, doubtful words, and two versions side by side.

import assert from "node:assert/strict";
import test from "node:test";

import { compare } from "../../dashboard/frontend/editor/compare.js";
import {
  basisOf,
  discardDraft,
  draftOf,
  keepDraft,
  newDraftName,
  restored,
} from "../../dashboard/frontend/editor/drafts.js";
import { findPlaces, replacePlaces } from "../../dashboard/frontend/editor/finding.js";
import { History } from "../../dashboard/frontend/editor/history.js";
import {
  assign,
  contentOf,
  join,
  renameSpeaker,
  retype,
  split,
  transcriptOf,
} from "../../dashboard/frontend/editor/model.js";
import { nextDoubtful, placeOf, startsOf, timelineOf } from "../../dashboard/frontend/editor/timeline.js";
import { emptyStorage } from "./storage.js";

function transcript(...texts) {
  let at = 0;
  const words = (text) =>
    text.split(" ").map((each) => {
      const start = at++;
      return { text: ` ${each}`, start, end: start + 0.5, probability: 0.9, speaker: null, language: "en" };
    });
  return transcriptOf({ speakers: [], paragraphs: texts.map((text) => ({ is_heading: false, words: words(text) })) });
}
const texts = ({ paragraphs }) => paragraphs.map(({ text }) => text);

test("what is typed in one go is one step, and a pause, another place or a replacement begins another", () => {
  let now = 0;
  const history = new History("", { now: () => now });
  const type = (state, run, options) => history.enter(state, { run, place: state, ...options });
  type("o", "a");
  type("on", "a");
  type("one ", "a", { stop: true });
  type("one t", "a");
  now += 5000;
  type("one tw", "a");
  type("ONE TW", null);
  type("ONE TW!", "b");
  const undone = [];
  while (history.canUndo) undone.push([history.undo(), history.state]);
  assert.deepEqual(undone, [["ONE TW!", "ONE TW"], ["ONE TW", "one tw"], ["one tw", "one t"], ["one t", "one "], [
    "o",
    "",
  ]]);
  while (history.canRedo) history.redo();
  assert.equal(history.state, "ONE TW!");
  history.undo();
  type("new", "b");
  assert.equal(history.canRedo, false, "another change ends what could be redone");
});

const keep = (job, base, edited, revision, saved = revision) =>
  keepDraft(newDraftName(job), base, edited, basisOf(revision.paragraphs, saved.paragraphs));

test("a draft has what was changed, and comes back as it was", () => {
  const kept = emptyStorage();
  const base = transcript("one two", "three four", "five", "six");
  const edited = join(retype(split(base, 1, 5), 0, "one and two"), 4).transcript;
  assert.ok(keep("job", 3, edited, base));
  assert.doesNotMatch([...kept.values()].join(), /"five"/, "an unchanged paragraph is not repeated");
  const draft = draftOf("job");
  assert.equal(draft.base, 3);
  assert.deepEqual(contentOf(restored(draft, base)), contentOf(edited));
  assert.equal(draftOf("job-2"), null);
  discardDraft(draft);
  assert.equal(draftOf("job"), null);
});

test("a draft loses no word where the dashboard divides paragraphs elsewhere", () => {
  const sent = retype(transcript("one two", "three four", "five", "six"), 1, "three and four");
  const asSaved = (paragraphs) => ({ speakers: [], paragraphs });
  const content = contentOf(sent).paragraphs.map(({ words }) => words);
  content[1][1] = { ...content[1][1], start: 2.6, end: 2.9 }; // the time that was missing
  const words = [content[0].slice(0, 1), content[0].slice(1), [...content[1], ...content[2]], content[3]];
  const saved = transcriptOf(asSaved(words.map((words) => ({ is_heading: false, words }))));
  emptyStorage();
  assert.ok(keep("job", 4, retype(sent, 3, "six more"), sent, saved));
  assert.deepEqual(texts(restored(draftOf("job"), saved)), ["one two", "three and four", "five", "six more"]);
});

test("a draft of another text than the one it is to change is refused, and drafts of older versions are read", () => {
  const kept = emptyStorage();
  const base = transcript("one two", "three");
  keep("job", 3, retype(base, 0, "one"), base);
  assert.throws(() => restored(draftOf("job"), transcript("one two")), /Discard it/);
  const changed = { heading: false, words: [["three four", 2, 2.5, null, null, "en"]] };
  const older = { format: 1, at: Date.now() + 1, speakers: [], paragraphs: [0, changed] };
  kept.set("batchscribe.draft.job.7", JSON.stringify(older));
  assert.equal(draftOf("job").base, 7);
  assert.deepEqual(texts(restored(draftOf("job"), base)), ["one two", "three four"]);
});

test("a draft too large for the browser is not kept, and the page is told", () => {
  emptyStorage({ characters: 2000 });
  const long = transcript("word ".repeat(500).trim());
  assert.equal(keep("job", 0, retype(long, 0, "word ".repeat(499)), long), false);
});

test("an emptied paragraph of a draft still knows its time and its speaker", () => {
  emptyStorage();
  const base = transcript("one two", "three");
  const edited = assign(split(retype(base, 0, ""), 1, 5), [2], "S1");
  keep("job", 0, edited, base);
  const again = retype(restored(draftOf("job"), base), 0, "eins zwei");
  assert.deepEqual(again.paragraphs[0].words.map(({ start, end }) => [start, end]), [[0, 0.75], [0.75, 1.5]]);
  assert.equal(retype(again, 2, "yes").paragraphs[2].words[0].speaker, "S1");
});

test("words are found with or without regard to case, as parts or as a whole", () => {
  const text = transcript("The theme, the (the)", "breathe THE a.c abc");
  const found = (query, options) => findPlaces(text, query, options).map(({ index, from }) => [index, from]);
  assert.deepEqual(found("the"), [[0, 0], [0, 4], [0, 11], [0, 16], [1, 4], [1, 8]]);
  assert.deepEqual(found("the", { wholeWords: true }), [[0, 0], [0, 11], [0, 16], [1, 8]]);
  assert.deepEqual(found("THE", { matchCase: true }), [[1, 8]]);
  assert.deepEqual(found("a.c"), [[1, 12]]);
  assert.deepEqual(found("the  theme,"), [[0, 0]]);
  assert.deepEqual(found(" "), []);
});

test("every sign can be looked for as it is", () => {
  for (let code = 0x21; code < 0x7f; code++) {
    const sign = String.fromCharCode(code);
    const query = `x${sign}y`;
    assert.equal(findPlaces(transcript(`a ${query} z`), query, { wholeWords: true }).length, 1, query);
  }
  assert.deepEqual(findPlaces(transcript("old-sposed"), "d-s").map(({ from }) => from), [2]);
});

test("everything is replaced at once, and nothing else loses its time", () => {
  const before = transcript("a cat and a cat", "no dog", "cat $1");
  const after = replacePlaces(before, findPlaces(before, "cat"), "$& dog");
  assert.deepEqual(texts(after), ["a $& dog and a $& dog", "no dog", "$& dog $1"]);
  assert.equal(after.paragraphs[1], before.paragraphs[1]);
  assert.equal(after.paragraphs[0].words[3], before.paragraphs[0].words[2]);
});

test("doubtful words are gone to one after the other, and round", () => {
  const text = transcript("one two three", "four five");
  text.paragraphs[0].words[1] = { ...text.paragraphs[0].words[1], probability: 0.3 };
  text.paragraphs[1].words[0] = { ...text.paragraphs[1].words[0], probability: 0.6 };
  const next = (index, offset, direction) => {
    const { index: at, from, to } = nextDoubtful(text, { index, offset }, direction);
    return texts(text)[at].slice(from, to);
  };
  assert.deepEqual([next(0, 0), next(0, 4), next(1, 0), next(1, 0, -1), next(0, 0, -1)], [
    "two",
    "four",
    "two",
    "two",
    "four",
  ]);
  const corrected = retype(retype(text, 0, "one too three"), 1, "Four five");
  assert.equal(nextDoubtful(corrected, { index: 0, offset: 0 }), null, "what was written by a person is not doubted");
});

test("a word without a time is said between its neighbours", () => {
  const { words, starts } = timelineOf(retype(transcript("a b", "c"), 0, "a x y b"));
  assert.deepEqual(words.map(({ index }) => index), [0, 1, 2, 3, 0]);
  assert.deepEqual([...starts], [0, 0.5, 0.75, 1, 2]);
  const unknown = { start: null, end: null };
  assert.deepEqual([...startsOf([unknown, { start: 2, end: 3 }, unknown, unknown])], [0, 2, 3, 3]);
});

test("editing begins at the word that was said last", () => {
  const text = transcript("one two", "three four");
  assert.deepEqual(placeOf(text, 2.2), { index: 1, from: 0 });
  assert.deepEqual(placeOf(text, 99), { index: 1, from: 6 });
  assert.deepEqual(placeOf(text, -1), { index: 0, from: 0 }, "before the first word");
  assert.equal(placeOf(transcript(), 0), null);
});

const runs = (before, after) =>
  compare(before, after).map(({ runs }) =>
    runs.map(({ kind, text }) => ({ same: "", deleted: "-", inserted: "+" })[kind] + text.trim()).join(" ")
  );

test("versions are compared word by word", () => {
  const before = transcript("the cat sat", "on a mat", "again");
  assert.deepEqual(runs(before, retype(before, 0, "the fat cat")), ["the +fat cat -sat", "on a mat", "again"]);
  assert.deepEqual(compare(before, retype(before, 1, "on mat")).map(({ isChanged }) => isChanged), [
    false,
    true,
    false,
  ]);
  assert.deepEqual(runs(before, join(before, 1).transcript), ["the cat sat -¶ on a mat", "again"]);
  assert.deepEqual(runs(before, split(before, 2, 0)), ["the cat sat", "on a mat", "again"]);
  assert.deepEqual(runs(before, split(before, 0, 3)), ["the", "+¶ cat sat", "on a mat", "again"]);
  assert.deepEqual(runs(before, transcript()), ["-¶  the cat sat¶  on a mat¶  again"]);
});

test("another speaker is a difference", () => {
  const before = assign({ ...transcript("yes"), speakers: [{ id: "S1", name: "Ada" }] }, [0], "S1");
  assert.deepEqual(runs(before, renameSpeaker(before, "S1", "Grace")), ["-¶ Ada: +¶ Grace: yes"]);
});
