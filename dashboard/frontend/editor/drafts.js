// What was edited and not yet saved, kept in the browser. A draft names the revision that it changes and has only the
// words of paragraphs that are not as in that, so that it is small however long the transcript is. Every window that edits
// keeps a draft of its own.

import { store, stored, storedNames } from "../shared/storage.js";
import { isSameWord, paragraphOf } from "./model.js";

const FORMAT = 1;
const ofJob = (jobId) => `batchscribe.draft.${jobId}.`;

/** What a draft can refer to while it is not known how the dashboard has saved its words. */
export const NO_BASIS = { ranges: new Map(), count: null };

/**
 * Return which words of a revision each of the *paragraphs* has, and how many words that has in all.
 *
 * *saved* are the paragraphs as the dashboard returns them: it may divide them elsewhere, and gives times and spaces
 * that were missing. A paragraph whose words are not exactly among them is left out, and a draft has it in full.
 */
export function basisOf(paragraphs, saved = paragraphs) {
  const said = saved.flatMap(({ words }) => words);
  const ranges = new Map();
  let at = 0;
  for (const paragraph of paragraphs) {
    const [from, to] = [at, at += paragraph.words.length];
    const isSaved = paragraph.words.every((word, index) => said[from + index] && isSameWord(word, said[from + index]));
    if (from < to && isSaved) ranges.set(paragraph, [from, to]);
  }
  return { ranges, count: said.length };
}

/** Return a name for a draft that no other window has. */
export const newDraftName = (jobId) => `${ofJob(jobId)}w${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;

/** Keep a draft; returns whether the browser does. */
export function keepDraft(name, base, { paragraphs, speakers }, { ranges, count }) {
  const kept = paragraphs.map((paragraph) => {
    const [from, to] = ranges.get(paragraph) ?? [];
    return to ? { heading: paragraph.heading, from, to } : packed(paragraph);
  });
  return store(name, { format: FORMAT, at: Date.now(), base, speakers, count, paragraphs: kept });
}

export function discardDraft({ name }) {
  store(name, null);
}

/** Discard a draft, unless another window has kept more of it since it was read. */
export function discardRead({ name, at }) {
  if (stored(name)?.at === at) store(name, null);
}

/**
 * Return the newest draft of a job: its name, the number of the revision that it changes, and when it was made; or null.
 *
 * With *own*, it is the draft of that name and no other window's.
 */
export function draftOf(jobId, own = null) {
  const numberIn = (name) => Number(name.slice(ofJob(jobId).length)); // names of older versions end so
  const names = storedNames(ofJob(jobId)).filter((name) => own === null || name === own);
  const drafts = names.map((name) => ({ base: numberIn(name), ...stored(name), name }));
  const usable = drafts.filter(({ format, base, paragraphs }) => {
    return format === FORMAT && Number.isInteger(base) && Array.isArray(paragraphs);
  });
  return usable.sort((one, other) => other.at - one.at)[0] ?? null;
}

/** Return the transcript of a draft, where *base* is the revision that it changes. Throws a sentence if it is another. */
export function restored({ paragraphs, speakers, count = null }, base) {
  const said = base.paragraphs.flatMap(({ words }) => words);
  if (count !== null && count !== said.length) {
    throw new Error("Your draft was made of another version of this transcript. Discard it to edit the text.");
  }
  const { ranges } = basisOf(base.paragraphs);
  const wholes = new Map(
    [...ranges].map(([paragraph, [from, to]]) => [`${from}-${to}-${paragraph.heading}`, paragraph]),
  );
  const unpack = (kept) => {
    if (typeof kept === "number") return base.paragraphs[kept] ?? []; // drafts of older versions count paragraphs
    if (kept.words) return unpacked(kept);
    const { heading, from, to } = kept;
    return wholes.get(`${from}-${to}-${heading}`) ?? paragraphOf(said.slice(from, to), { heading });
  };
  return { speakers, paragraphs: paragraphs.flatMap(unpack) };
}

function packed({ heading, words, source, speaker = null }) {
  const kept = words.length ? words : source;
  return {
    heading,
    speaker,
    words: kept.map(({ text, start, end, probability, speaker, language }) => {
      return [words.length ? text : "", start, end, probability, speaker, language];
    }),
  };
}

function unpacked({ heading, words, speaker = null }) {
  const paragraph = paragraphOf(
    words.map(([text, start, end, probability, speaker, language]) => {
      return { text, start, end, probability, speaker, language };
    }),
    { heading },
  );
  return { ...paragraph, speaker };
}
