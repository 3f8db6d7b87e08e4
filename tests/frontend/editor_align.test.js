// What becomes of the times of words when their text is written over.

import assert from "node:assert/strict";
import test from "node:test";

import { align, laidOut } from "../../dashboard/frontend/editor/align.js";
import { partnersOf } from "../../dashboard/frontend/editor/diff.js";

/** Words of a second each, with a pause of half a second after it. */
function heard(...texts) {
  return texts.map((text, index) => {
    const start = index * 1.5;
    return { text, start, end: start + 1, probability: 0.5, speaker: "S1", language: "en" };
  });
}

const CAT = heard(" The", " cat", " sat", " on", " the", " mat.");
const shown = ({ words }) => words.map(({ text, start, end }) => [text, start, end]);
const written = (source, text) => shown(align(source, text));

test("what is not changed is the very same word", () => {
  const { words } = align(CAT, "The cat sat on a mat.");
  for (const index of [0, 1, 2, 3, 5]) assert.equal(words[index], CAT[index]);
  assert.deepEqual(shown({ words: [words[4]] }), [[" a", 6, 7]]);
  assert.equal(words[4].probability, null, "who wrote it was sure");
  assert.equal(words[4].speaker, "S1");
});

test("a word that was corrected has the time of the one it stands for", () => {
  for (const text of ["The bat sat", "The cats sat", "The “cat” sat", "The ca sat", "The hat sat", "The Cat, sat"]) {
    const [, word, next] = align(CAT.slice(0, 3), text).words;
    assert.deepEqual([word.start, word.end, next], [1.5, 2.5, CAT[2]], text);
  }
});

test("a word between two others has no time yet", () => {
  assert.deepEqual(written(CAT, "The fat cat sat on the mat.").slice(0, 3), [
    [" The", 0, 1],
    [" fat", null, null],
    [" cat", 1.5, 2.5],
  ]);
  assert.deepEqual(written(CAT, "Oh, The cat sat on the mat. Yes").at(-1), [" Yes", null, null]);
  assert.deepEqual(written(CAT, "Oh, The cat sat on the mat.")[0], [" Oh,", null, null]);
});

test("several words for one, and one for several, share the time", () => {
  assert.deepEqual(written(heard(" I", " cannot", " see"), "I can not see").slice(1, 3), [
    [" can", 1.5, 2],
    [" not", 2, 2.5],
  ]);
  assert.deepEqual(written(heard(" I", " can", " not", " see"), "I cannot see")[1], [" cannot", 1.5, 4]);
  assert.deepEqual(written(heard(" so", " well-known", " here"), "so well known here").slice(1, 3), [
    [" well", 1.5, 1.944],
    [" known", 1.944, 2.5],
  ]);
});

test("what was typed over and is typed again has its own times again", () => {
  assert.deepEqual(written(CAT, ""), []);
  assert.deepEqual(align(CAT, "The cat sat on the mat.").words, CAT);
});

test("words that are said again and again are told apart by their neighbours", () => {
  const source = heard(" no", " no", " no", " yes", " no", " no");
  assert.deepEqual(written(source, "no no no no no").at(-1), [" no", 7.5, 8.5]);
  assert.deepEqual(written(source, "no no yes no no").slice(2), shown({ words: source.slice(3) }));
});

test("writing without spaces is compared by character", () => {
  const source = heard("今日", "は", "良い", "天気");
  const { words, spans } = align(source, "今日は悪い天気です");
  assert.deepEqual(words.slice(0, 2), source.slice(0, 2));
  assert.deepEqual(words.map(({ text }) => text), ["今日", "は", "悪", "い", "天気", "で", "す"]);
  assert.equal(words[4], source[3]);
  assert.deepEqual([words[2].start, words[3].end], [3, 4], "in the time of 良い");
  assert.deepEqual(spans.at(-1), [8, 9]);
  assert.deepEqual(align(heard("はい", "。"), "はい、そう。").words.map(({ text }) => text), ["はい、", "そ", "う。"]);
});

test("words that run from right to left, marks and signs of several parts stay whole", () => {
  const arabic = heard(" صباح", " الخير", " شكرا");
  assert.equal(align(arabic, "صباح النور شكرا").words[2], arabic[2]);
  const marked = heard(" Cafe\u0301", " 👩‍👩‍👧", " e");
  assert.deepEqual(align(marked, "Cafe\u0301 👩‍👩‍👧 x").words.slice(0, 2), marked.slice(0, 2));
  assert.deepEqual(written(marked, "Cafe 👩‍👩‍👧 e")[0], [" Cafe", 0, 1]);
  assert.deepEqual(written(marked, "Cafe\u0301 👩‍👧 e")[1], [" 👩‍👧", 1.5, 2.5]);
});

test("words that were heard without a space between them stay two", () => {
  const source = heard(" state", "-of", "-the", "-art", " here");
  const { words } = align(source, "a state-of-the-art there");
  assert.deepEqual(words.slice(1, 5), source.slice(0, 4));
});

test("more spaces than one set words apart as one does", () => {
  assert.deepEqual(align(CAT, " The cat  sat on\nthe mat. ").words, CAT);
});

test("a stretch without any word gives its time to what is written in it", () => {
  const gap = [{ text: "", start: 10, end: 14, probability: null, speaker: null, language: null }];
  assert.deepEqual(written(gap, "well then"), [[" well", 10, 12], [" then", 12, 14]]);
  assert.deepEqual(written([], "well"), [[" well", null, null]]);
});

test("each word's place in the text is known", () => {
  const { text, spans } = laidOut(CAT);
  assert.deepEqual(spans.map(([from, to]) => text.slice(from, to)), CAT.map((word) => word.text.trim()));
  const changed = "Thé big cat sat  on mat!";
  assert.deepEqual(align(CAT, changed).spans.map(([from, to]) => changed.slice(from, to)), changed.split(/\s+/));
});

test("however texts are changed, what is written is what the words say, and kept words keep their order", () => {
  const vocabulary = ["a", "b", "c", "d", "今", "日", "-", "e\u0301"];
  let seed = 7;
  const random = (below) => (seed = (seed * 16807) % 2147483647) % below;
  for (let round = 0; round < 500; round++) {
    const source = heard(...Array.from({ length: random(9) }, () => ` ${vocabulary[random(8)]}`));
    const text = Array.from({ length: random(12) }, () => vocabulary[random(8)] + (random(2) ? " " : "")).join("");
    const { words, spans } = align(source, text);
    assert.equal(words.map((word) => word.text.trim()).join(""), text.replace(/\s/g, ""));
    assert.deepEqual(spans.map(([from, to]) => text.slice(from, to)), words.map((word) => word.text.trim()));
    const times = words.flatMap(({ start, end }) => start === null ? [] : [start, end]);
    assert.deepEqual(times, times.toSorted((one, other) => one - other));
  }
});

test("partners never cross, and as few as possible are without", () => {
  const partners = (before, after) => [...partnersOf([...before], [...after])];
  assert.deepEqual(partners("abcabba", "cbabac").filter((partner) => partner >= 0).length, 4);
  assert.deepEqual(partners("", "ab"), [-1, -1]);
  assert.deepEqual(partners("ab", ""), []);
  assert.deepEqual(partners("abc", "abxc"), [0, 1, -1, 2]);
});
