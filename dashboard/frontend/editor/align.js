// What was written, brought together with the words that were heard: a word that is still there keeps its times exactly,
// words written over others share the time of those, and words written between two others have none yet (null).

import { partnersOf } from "./diff.js";
import { atomsOf, isBoundary, isSpaced, parts } from "./writing.js";

const THOUSANDTHS = 1000;

/** Return *words* as one text, and where in it each of them stands. */
export function laidOut(words) {
  const spans = [];
  let text = "";
  for (const word of words) {
    const own = text ? word.text : word.text.trimStart();
    const from = text.length + own.length - own.trimStart().length;
    text += own;
    spans.push([from, text.length]);
  }
  return { text, spans };
}

/** Return the words of *text* and their places, where *source* are the words that were heard. */
export function align(source, text) {
  const heard = laidOut(source);
  const head = keptAtHead(heard, text);
  const tail = keptAtTail(heard, text, head);
  const from = head ? heard.spans[head - 1][1] : 0;
  const shift = text.length - heard.text.length;
  const to = tail ? heard.spans[source.length - tail][0] + shift : text.length;
  const middle = source.slice(head, source.length - tail);
  const found = [
    ...source.slice(0, head).map((word, index) => ({ word, span: heard.spans[index] })),
    ...alignMiddle(middle, text, from, to, source[head - 1] ?? source[source.length - tail]),
    ...source.slice(source.length - tail).map((word, index) => {
      const [start, end] = heard.spans[source.length - tail + index];
      return { word, span: [start + shift, end + shift] };
    }),
  ];
  const leads = source.length ? /^\s/.test(source[0].text) || !source[0].text : isSpaced(text);
  const words = found.map(({ word, span }, index) => spacedAs(word, text, span[0], index === 0 && leads));
  return { words, spans: found.map(({ span }) => span) };
}

/** Return the word with a space before it where the text has one. The first word of a text has what *leads* says. */
function spacedAs(word, text, from, leads) {
  const spaced = leads ? isSpaced(word.text) : from > 0 && /\s/.test(text[from - 1]);
  const written = (spaced ? " " : "") + word.text.trimStart();
  return written === word.text ? word : { ...word, text: written };
}

function keptAtHead({ text: before, spans }, text) {
  let same = 0;
  while (same < before.length && same < text.length && before[same] === text[same]) same++;
  let kept = 0;
  while (kept < spans.length) {
    const [from, to] = spans[kept];
    if (to > same || from === to || (to === same && !isBoundary(text, to))) break;
    kept++;
  }
  return kept;
}

function keptAtTail({ text: before, spans }, text, head) {
  const most = Math.min(before.length, text.length) - (head ? spans[head - 1][1] : 0);
  let same = 0;
  while (same < most && before.at(-1 - same) === text.at(-1 - same)) same++;
  let kept = 0;
  while (kept < spans.length - head) {
    const [from, to] = spans.at(-1 - kept);
    const fromEnd = before.length - from;
    if (fromEnd > same || from === to || (fromEnd === same && !isBoundary(text, text.length - fromEnd))) break;
    kept++;
  }
  return kept;
}

function alignMiddle(source, text, from, to, neighbour) {
  const heard = source.flatMap((word, owner) => atomsOf(word.text).map((atom) => ({ ...atom, owner })));
  const written = atomsOf(text.slice(from, to), from);
  const partners = partnersOf(heard.map((atom) => atom.text), written.map((atom) => atom.text));
  written.forEach((atom, index) => (atom.owner = partners[index] < 0 ? -1 : heard[partners[index]].owner));
  const groups = grouped(written, text);
  claim(groups, source);
  return timed(groups, source, neighbour);
}

/** Return the atoms as words: parted by spaces, by the writing itself, or where heard words were parted. */
function grouped(atoms, text) {
  const groups = [];
  atoms.forEach((atom, index) => {
    const before = atoms[index - 1];
    if (index && before.to === atom.from && !isParted(before, atom)) groups.at(-1).atoms.push(atom);
    else groups.push({ atoms: [atom], owner: -1 });
  });
  for (const group of groups) {
    group.span = [group.atoms[0].from, group.atoms.at(-1).to];
    group.text = text.slice(...group.span);
  }
  return groups;
}

function isParted(before, after) {
  if (before.owner >= 0 && after.owner >= 0) return before.owner !== after.owner;
  return parts(before.text, after.text);
}

/** Give a group the heard word that is in it as a whole, if it has parts of no other. */
function claim(groups, source) {
  for (const group of groups) {
    const owned = group.atoms.filter(({ owner }) => owner >= 0);
    const owners = new Set(owned.map(({ owner }) => owner));
    const [owner] = owners;
    if (owners.size === 1 && owned.length === atomsOf(source[owner].text).length) group.owner = owner;
  }
}

/** Return the groups as words, each stretch without heard words in the time of those that it stands for. */
function timed(groups, source, neighbour) {
  const found = [];
  let used = -1;
  for (let index = 0; index < groups.length;) {
    let end = index;
    while (end < groups.length && groups[end].owner < 0) end++;
    const next = groups[end]?.owner ?? source.length;
    const replaced = source.slice(used + 1, next);
    const like = replaced[0] ?? source[used] ?? source[next] ?? neighbour;
    found.push(...shared(groups.slice(index, end), replaced, like));
    if (end < groups.length) found.push(kept(groups[end], source[next]));
    used = next;
    index = end + 1;
  }
  return found;
}

function kept({ text, span }, word) {
  const same = word.text.trimStart() === text;
  return { word: same ? word : { ...word, text, probability: null }, span };
}

/** Return the groups as words that share the time of the *replaced* ones by their lengths; without any, none is known. */
function shared(groups, replaced, like) {
  const start = replaced.find((word) => word.start !== null)?.start ?? null;
  const end = replaced.findLast((word) => word.end !== null)?.end ?? null;
  const length = groups.reduce((sum, { text }) => sum + text.length, 0);
  let passed = 0;
  const time = () => {
    if (start === null || end === null) return null;
    if (passed === 0 || passed === length) return passed ? end : start;
    return Math.round((start + ((end - start) * passed) / length) * THOUSANDTHS) / THOUSANDTHS;
  };
  return groups.map(({ text, span }) => {
    const from = time();
    passed += text.length;
    const { speaker = null, language = null } = like ?? {};
    return { word: { text, start: from, end: time(), probability: null, speaker, language }, span };
  });
}
