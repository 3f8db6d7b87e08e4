// One person's editing: what is unsaved, what a save means, and where the caret goes.

import assert from "node:assert/strict";
import test from "node:test";

import { draftOf, restored } from "../../dashboard/frontend/editor/drafts.js";
import { transcriptOf } from "../../dashboard/frontend/editor/model.js";
import { changedPlace, Session } from "../../dashboard/frontend/editor/session.js";
import { emptyStorage } from "./storage.js";

const word = (text, start) => ({ text, start, end: start + 0.5, probability: 0.9, speaker: "", language: "" });
const said = (...texts) => ({
  speakers: [],
  paragraphs: texts.map((text, number) => ({
    is_heading: false,
    words: text.split(" ").map((each, index) => word(` ${each}`, number * 10 + index)),
  })),
});

function begun(...texts) {
  const kept = emptyStorage();
  const session = new Session({ jobId: "job", revision: 2, base: transcriptOf(said(...texts)), now: () => 0 });
  const ids = session.transcript.paragraphs.map(({ id }) => id);
  return { session, ids, kept };
}
const texts = (session) => session.transcript.paragraphs.map(({ text }) => text);

test("what is taken back is not unsaved any more, and its draft goes", () => {
  const { session, ids, kept } = begun("one two");
  session.type(ids[0], "one two three", {});
  session.keep();
  assert.deepEqual([session.isDirty, draftOf("job").base], [true, 2]);
  session.history.undo();
  session.keep();
  assert.deepEqual([session.isDirty, kept.size], [false, 0]);
});

test("what is typed and deleted again by hand leaves nothing to save", () => {
  const { session, ids, kept } = begun("one two", "three");
  session.type(ids[0], "one twox", {});
  session.keep();
  session.type(ids[0], "one two", {});
  session.keep();
  assert.deepEqual([session.isDirty, kept.size], [false, 0]);
  session.split(ids[0], { from: 3, to: 3 });
  assert.equal(session.isDirty, true, "the words are the same, the paragraphs are not");
  session.joinNext(ids[0]);
  assert.equal(session.isDirty, false);
  session.split(ids[1], { from: 0, to: 0 });
  assert.equal(session.isDirty, false, "an empty paragraph is not saved");
  session.addSpeaker();
  assert.equal(session.isDirty, true);
});

test("a browser that is full keeps no draft, and the session knows", () => {
  const { session, ids } = begun("one two");
  emptyStorage({ characters: 10 });
  session.type(ids[0], "one", {});
  session.keep();
  assert.equal(session.isKept, false);
});

test("what is typed while a save is under way is a draft of what was saved", () => {
  const { session, ids } = begun("one two", "three");
  session.type(ids[1], "", {});
  const sent = session.transcript;
  session.type(ids[0], "one too", {});
  session.saved(sent, 3);
  assert.deepEqual([session.isDirty, session.revision, draftOf("job").base], [true, 3, 3]);
  session.history.undo();
  assert.equal(session.isDirty, false, "this is what was saved");
  session.history.undo();
  assert.equal(session.isDirty, true, "this is not");
});

test("a window leaves the drafts of other windows alone, and goes on with one in its own", () => {
  const { session: mine, ids, kept } = begun("one two");
  const other = new Session({ jobId: "job", revision: 2, base: mine.base });
  other.type(ids[0], "one three", {});
  other.keep();
  mine.type(ids[0], "one too", {});
  mine.keep();
  mine.saved(mine.transcript, 3);
  const draft = draftOf("job");
  assert.deepEqual([kept.size, draft.base], [1, 2], "the other's is left");
  assert.equal(draftOf("job", mine.draftName), null, "and not opened in this window");
  const next = new Session({ jobId: "job", revision: 2, base: mine.base, begun: restored(draft, mine.base), draft });
  next.keep();
  assert.deepEqual([kept.size, texts(next)], [1, ["one three"]]);
  next.forget();
  assert.equal(kept.size, 0);
});

test("a draft that its own window goes on with is not discarded by the one that took it over", () => {
  const { session, ids, kept } = begun("one two");
  session.type(ids[0], "one three", {});
  session.keep();
  const draft = { ...draftOf("job"), at: 0 };
  new Session({ jobId: "job", revision: 2, base: session.base, begun: session.transcript, draft }).forget();
  assert.equal(kept.size, 1);
});

test("the caret goes to where paragraphs were divided, joined or written into", () => {
  const { session, ids } = begun("one two", "three");
  const divided = session.split(ids[0], { from: 3, to: 4 });
  assert.deepEqual([texts(session), divided.offset], [["one", "two", "three"], 0]);
  const starts = session.content().paragraphs.map(({ words }) => words.map(({ start }) => start));
  assert.deepEqual(starts, [[0], [1], [10]]);
  assert.deepEqual(session.join(divided.id), { id: ids[0], offset: 3 });
  assert.deepEqual(session.joinNext(ids[0]), { id: ids[0], offset: 7 });
  assert.equal(session.join(ids[0]), null, "there is none before the first");
  assert.equal(session.joinNext(ids[0]), null, "and none after the last");
  assert.deepEqual(session.write(ids[0], { from: 0, to: 3 }, "1"), { id: ids[0], offset: 1 });
  assert.deepEqual(texts(session), ["1 two three"]);
});

test("a step that is done again is shown where it changes something", () => {
  const { session, ids } = begun("one two", "three four");
  session.write(ids[1], { from: 5, to: 5 }, " and");
  const after = session.transcript;
  session.history.undo();
  assert.deepEqual(changedPlace(session.transcript, after), { id: ids[1], offset: 9 });
});

test("the first speaker is given everything, the next ones nothing yet", () => {
  const { session, ids } = begun("one", "two");
  session.addSpeaker();
  session.addSpeaker();
  session.assign([ids[1]], "S2");
  const speakers = session.content().paragraphs.map(({ words }) => words[0].speaker);
  assert.deepEqual([session.content().speakers.map(({ id }) => id), speakers], [["S1", "S2"], ["S1", "S2"]]);
  session.assign([ids[0]], null);
  assert.equal(session.content().paragraphs[0].words[0].speaker, "S3", "a new one");
});

test("a word that is right is doubted no more, whatever is typed beside it", () => {
  emptyStorage();
  const doubted = said("one two three");
  for (const each of doubted.paragraphs[0].words) each.probability = 0.5;
  const session = new Session({ jobId: "job", revision: 0, base: transcriptOf(doubted) });
  session.confirmWord(0, 5);
  session.type(session.transcript.paragraphs[0].id, "one two and three", {});
  assert.deepEqual(session.content().paragraphs[0].words.map(({ probability }) => probability), [0.5, null, null, 0.5]);
  const before = session.transcript;
  session.confirmWord(0, 5);
  assert.equal(session.transcript, before, "it is said once");
});
