// The words of a transcript on the page: where paragraphs end, which word is spoken, and where a search finds something.

import assert from "node:assert/strict";
import test from "node:test";

import { layOut, wordAt } from "../../dashboard/frontend/player/layout.js";
import { findAll, searchIndex } from "../../dashboard/frontend/player/search.js";
import { audioStreamOf } from "../../dashboard/frontend/player/view.js";

const word = (text, start) => ({ text, start, end: start + 0.5, probability: 0.9 });
const segment = (...words) => ({ text: words.map(({ text }) => text).join(""), start: 0, end: 9, words });
const shown = ({ words, paragraphs }) =>
  paragraphs.map(({ first, last }) =>
    words.slice(first, last + 1).map(({ text, spaced }, index) => (spaced && index ? " " : "") + text).join("")
  );

test("paragraphs are those of the text, with the times of the segments", () => {
  const transcript = {
    text: "Hello there.\n\nA second one.",
    segments: [
      segment(word(" Hello", 1), word(" there.", 2), word(" A", 3)),
      segment(word(" second", 4), word(" one.", 5)),
    ],
  };
  const text = layOut(transcript);
  assert.deepEqual(shown(text), ["Hello there.", "A second one."]);
  assert.deepEqual(text.words.map(({ start }) => start), [1, 2, 3, 4, 5]);
});

test("segments of one sentence each show the same as the chunks of older documents", () => {
  const text = "Well done.\n\nThen go.";
  const words = [word(" Well", 1), word(" done.", 2), word(" Then", 3), word(" go.", 4)];
  const chunk = layOut({ text, segments: [segment(...words)] });
  const sentences = layOut({ text, segments: [segment(...words.slice(0, 2)), segment(...words.slice(2))], gaps: [] });
  assert.deepEqual(sentences, chunk);
  assert.deepEqual(shown(sentences), ["Well done.", "Then go."]);
});

test("writing without spaces stays without, and a word that is split by a paragraph is in both", () => {
  const transcript = { text: "今日は\n\n良い天気", segments: [segment(word("今日は良い", 1), word("天気", 2))] };
  assert.deepEqual(shown(layOut(transcript)), ["今日は", "良い天気"]);
});

test("starts never run backwards", () => {
  const transcript = { text: "a b c", segments: [segment(word(" a", 2), word(" b", 1), word(" c", 3))] };
  assert.deepEqual(layOut(transcript).words.map(({ start }) => start), [2, 2, 3]);
});

test("a text that is not of these words is shown by its segments", () => {
  const transcript = { text: "Something else", segments: [segment(word(" One", 1)), segment(word(" two", 2))] };
  assert.deepEqual(shown(layOut(transcript)), ["One", "two"]);
});

test("the spoken word is the last that has begun", () => {
  const starts = [1, 2, 2, 5];
  assert.deepEqual([0, 1, 2.5, 9].map((seconds) => wordAt(starts, seconds)), [-1, 0, 2, 3]);
});

function search(text, query) {
  const laid = layOut({ text, segments: [segment(...text.split(" ").map((each, index) => word(` ${each}`, index)))] });
  return findAll(searchIndex(laid), laid.words, query).map((
    { begin, end },
  ) => [begin.word, begin.character, end.word, end.character]);
}

test("a search looks past case and accents, and across words", () => {
  assert.deepEqual(search("Two short Líneas here", "SHORT  LINEAS"), [[1, 0, 2, 6]]);
  assert.deepEqual(search("Straße und Strasse", "strasse"), [[0, 0, 0, 6], [2, 0, 2, 7]]);
  assert.deepEqual(search("one two one", "one"), [[0, 0, 0, 3], [2, 0, 2, 3]]);
  assert.deepEqual(search("one two", " "), []);
});

test("the audio stream is named where there are several", () => {
  const audio_streams = [{ number: 1, title: "Desktop", language: "" }, { number: 2, title: "Mic", language: "eng" }];
  assert.equal(audioStreamOf({ audio_stream: 2, audio_streams }), "Audio stream 2 of 2, “Mic”, English");
  assert.equal(audioStreamOf({ audio_stream: 1, audio_streams }), "Audio stream 1 of 2, “Desktop”");
  assert.equal(audioStreamOf({ audio_stream: 1, audio_streams: [] }), "");
  assert.equal(audioStreamOf({ device: "CPU" }), ""); // of an earlier version
  assert.equal(audioStreamOf(undefined), "");
});
