// Paragraphs that are divided, joined and given to speakers, and what is sent of them.

import assert from "node:assert/strict";
import test from "node:test";

import {
  addSpeaker,
  assign,
  contentOf,
  insertStretch,
  join,
  mergeSpeaker,
  renameSpeaker,
  retype,
  speakerOf,
  split,
  transcriptOf,
  writable,
} from "../../dashboard/frontend/editor/model.js";
import { nameOf } from "../../dashboard/frontend/player/speakers.js";

const word = (text, start, speaker = null) => {
  return { text, start, end: start + 1, probability: 0.9, speaker, language: "en" };
};
const paragraph = (...words) => ({ is_heading: false, words });
const INTERVIEW = transcriptOf({
  speakers: [{ id: "S1", name: "Ada" }, { id: "S2", name: null }],
  paragraphs: [
    paragraph(word(" How", 0, "S1"), word(" are", 2, "S1"), word(" you?", 4, "S1")),
    paragraph(word(" Very", 10, "S2"), word(" well.", 12, "S2")),
  ],
});
const texts = ({ paragraphs }) => paragraphs.map(({ text }) => text);
const timesOf = ({ words }) => words.map(({ start, end }) => [start, end]);

test("a paragraph is divided between two words, which keep their times", () => {
  for (const offset of [3, 4]) {
    const divided = split(INTERVIEW, 0, offset);
    assert.deepEqual(texts(divided), ["How", "are you?", "Very well."]);
    assert.deepEqual(divided.paragraphs.slice(0, 2).flatMap(({ words }) => words), INTERVIEW.paragraphs[0].words);
    assert.equal(divided.paragraphs[0].id, INTERVIEW.paragraphs[0].id);
  }
});

test("a word that is divided shares its time among its halves", () => {
  const divided = split(INTERVIEW, 1, 1);
  assert.deepEqual(texts(divided).slice(1), ["V", "ery well."]);
  assert.deepEqual([timesOf(divided.paragraphs[1]), timesOf(divided.paragraphs[2])[0]], [[[10, 10.25]], [10.25, 11]]);
});

test("a word that was divided and joined is as it was, unless a half was changed", () => {
  const divided = split(INTERVIEW, 1, 1);
  assert.deepEqual(contentOf(join(divided, 2).transcript), contentOf(INTERVIEW));
  const twice = split(divided, 2, 2);
  assert.deepEqual(texts(twice).slice(1), ["V", "er", "y well."]);
  assert.deepEqual(contentOf(join(join(twice, 3).transcript, 2).transcript), contentOf(INTERVIEW));
  assert.equal(texts(join(retype(divided, 1, "W"), 2).transcript)[1], "W ery well.");
  assert.equal(texts(join(split(INTERVIEW, 0, 2), 1).transcript)[0], "How are you?", "also in the first word");
});

test("an empty half belongs to the same speaker, and so does what is typed into it", () => {
  const divided = split(INTERVIEW, 1, 10);
  assert.deepEqual(texts(divided).slice(1), ["Very well.", ""]);
  assert.equal(speakerOf(divided.paragraphs[2]), "S2");
  assert.equal(contentOf(divided).paragraphs.length, 2, "nothing is sent of it");
});

test("paragraphs are joined with a space, in the voice of the first", () => {
  const { transcript, seam } = join(INTERVIEW, 1);
  assert.deepEqual(texts(transcript), ["How are you? Very well."]);
  assert.equal(seam, "How are you?".length);
  assert.deepEqual(timesOf(transcript.paragraphs[0]), [[0, 1], [2, 3], [4, 5], [10, 11], [12, 13]]);
  assert.deepEqual(new Set(transcript.paragraphs[0].words.map(({ speaker }) => speaker)), new Set(["S1"]));
  const again = split(transcript, 0, seam);
  assert.deepEqual(texts(again), texts(INTERVIEW));
});

test("joined words have one speaker: the first one's, or that of the other", () => {
  const { transcript } = join(insertStretch(INTERVIEW, { start: -1, end: 0, text: "Hm" }).transcript, 1);
  assert.equal(texts(transcript)[0], "Hm How are you?");
  assert.deepEqual(transcript.paragraphs[0].words.map(({ speaker }) => speaker), ["S1", "S1", "S1", "S1"]);
});

test("what is sent has one speaker in each paragraph", () => {
  const words = [word(" Yes", 0), word(" and", 1, "S1"), word(" no", 2)];
  const mixed = transcriptOf({ speakers: [{ id: "S1", name: "Ada" }], paragraphs: [paragraph(...words)] });
  assert.deepEqual(contentOf(mixed).paragraphs[0].words.map(({ speaker }) => speaker), ["S1", "S1", "S1"]);
  const typed = retype(split(INTERVIEW, 1, 10), 2, "Thanks.");
  assert.equal(contentOf(typed).paragraphs[2].words[0].speaker, "S2", "also in a half that was empty");
});

test("writing without spaces is joined without", () => {
  const japanese = transcriptOf({ speakers: [], paragraphs: [paragraph(word("今日", 0)), paragraph(word("は", 1))] });
  assert.deepEqual(texts(join(japanese, 1).transcript), ["今日は"]);
  assert.deepEqual(texts(split(japanese, 0, 1)), ["今", "日", "は"]);
});

test("an emptied paragraph that is joined leaves the other as it is", () => {
  const emptied = retype(INTERVIEW, 0, "");
  assert.deepEqual(texts(emptied), ["", "Very well."]);
  const { transcript, seam } = join(emptied, 1);
  assert.deepEqual([texts(transcript), seam, speakerOf(transcript.paragraphs[0])], [["Very well."], 0, "S2"]);
});

test("a transcript of which everything was deleted can be written again", () => {
  let transcript = retype(retype(INTERVIEW, 0, ""), 1, "");
  assert.deepEqual(contentOf(transcript).paragraphs, []);
  transcript = retype(transcript, 1, "Very well.");
  assert.equal(transcript.paragraphs[1].words[1], INTERVIEW.paragraphs[1].words[1]);
});

test("a transcript that is saved without words has a paragraph to write in, in the time of the recording", () => {
  const empty = transcriptOf({ speakers: [], paragraphs: [] });
  const begun = writable(empty, { offset_seconds: 5, audio_seconds: 10, language: "en" });
  assert.deepEqual(contentOf(begun).paragraphs, []);
  assert.deepEqual(timesOf(retype(begun, 0, "Mm hm").paragraphs[0]), [[5, 10], [10, 15]]);
  assert.equal(writable(INTERVIEW, {}), INTERVIEW);
});

test("an edit leaves the transcript before it, and all other paragraphs, as they are", () => {
  const changed = retype(INTERVIEW, 0, "Who are you?");
  assert.deepEqual(texts(INTERVIEW), ["How are you?", "Very well."]);
  assert.equal(changed.paragraphs[1], INTERVIEW.paragraphs[1]);
  assert.equal(retype(changed, 0, "Who are you?"), changed);
});

test("speakers are named, added and given paragraphs", () => {
  assert.deepEqual([nameOf(INTERVIEW, "S1"), nameOf(INTERVIEW, "S2"), nameOf(INTERVIEW, null)], [
    "Ada",
    "Speaker 2",
    "No speaker",
  ]);
  const { transcript, id } = addSpeaker(renameSpeaker(INTERVIEW, "S2", " Grace "));
  assert.equal(id, "S3");
  const given = assign(transcript, [0], id);
  assert.deepEqual(given.paragraphs.map(speakerOf), ["S3", "S2"]);
  assert.equal(nameOf(given, "S2"), "Grace");
  assert.equal(speakerOf(retype(given, 0, "").paragraphs[0]), "S3", "also while it is empty");
  assert.equal(retype(given, 0, "Something else entirely").paragraphs[0].words[0].speaker, "S3");
});

test("a name or a speaker that is so already is no change", () => {
  assert.equal(renameSpeaker(INTERVIEW, "S1", " Ada"), INTERVIEW);
  assert.equal(assign(INTERVIEW, [0], "S1"), INTERVIEW);
});

test("two speakers who are one are made one, everywhere", () => {
  const merged = mergeSpeaker(retype(INTERVIEW, 1, ""), "S2", "S1");
  assert.deepEqual(merged.speakers, [{ id: "S1", name: "Ada" }]);
  assert.deepEqual(merged.paragraphs.map(speakerOf), ["S1", "S1"]);
  assert.equal(merged.paragraphs[0], INTERVIEW.paragraphs[0]);
  assert.equal(retype(merged, 1, "Very well.").paragraphs[1].words[0].speaker, "S1");
});

test("what is sent has the words with their times, null where they are not known", () => {
  const { paragraphs, speakers } = contentOf(retype(INTERVIEW, 1, "Very very well."));
  assert.deepEqual(speakers, [{ id: "S1", name: "Ada" }, { id: "S2", name: "" }]);
  assert.deepEqual(paragraphs[1].words, [
    { text: " Very", start: 10, end: 11, speaker: "S2", probability: 0.9, language: "en" },
    { text: " very", start: null, end: null, speaker: "S2", probability: null, language: "en" },
    { text: " well.", start: 12, end: 13, speaker: "S2", probability: 0.9, language: "en" },
  ]);
});

test("a stretch is put in where it stands in time, and divides the paragraph around it", () => {
  const between = insertStretch(INTERVIEW, { start: 6, end: 9 });
  assert.equal(between.index, 1);
  assert.deepEqual(texts(between.transcript), ["How are you?", "", "Very well."]);
  assert.deepEqual(timesOf(retype(between.transcript, 1, "Mm hm").paragraphs[1]), [[6, 7.5], [7.5, 9]]);
  const within = insertStretch(INTERVIEW, { start: 3, end: 4, text: "old dear" });
  assert.deepEqual(texts(within.transcript), ["How are", "old dear", "you?", "Very well."]);
  assert.deepEqual(timesOf(within.transcript.paragraphs[1]), [[3, 3.429], [3.429, 4]]);
  assert.equal(speakerOf(within.transcript.paragraphs[1]), "S1");
  const first = insertStretch(transcriptOf({ speakers: [], paragraphs: [] }), { start: 3, end: 4, text: "hm" });
  assert.deepEqual(texts(first.transcript), ["hm"]);
});

test("who speaks, and in which language, may be unknown", () => {
  const words = [{ text: " Yes", start: 0, end: 1, probability: 1, speaker: "", language: "" }];
  const transcript = transcriptOf({ speakers: [], paragraphs: [paragraph(...words)] });
  assert.equal(speakerOf(transcript.paragraphs[0]), null);
  assert.deepEqual(contentOf(transcript).paragraphs[0].words, [{ ...words[0], language: null }]);
});
