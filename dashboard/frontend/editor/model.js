// A transcript while it is edited: paragraphs of words with times, and the people who speak. Nothing here is changed in
// place: every edit returns another transcript that shares with the one before what is the same.

import { align, laidOut } from "./align.js";
import { isSpaced } from "./writing.js";

let lastId = 0;

/** Return a paragraph of these words. *source* keeps them, so that what is typed over and typed again has its times. */
export function paragraphOf(words, { heading = false, id = ++lastId } = {}) {
  const written = words.filter(({ text }) => text.trim());
  return { id, heading, source: words, words: written, ...laidOut(written) };
}

/** Return the transcript of an answer of the API, which says "" where nothing is known. */
export function transcriptOf({ paragraphs, speakers }) {
  const known = (word) => ({ ...word, speaker: word.speaker || null, language: word.language || null });
  return {
    speakers: speakers.map(({ id, name }) => ({ id, name: name ?? "" })),
    paragraphs: paragraphs.map(({ words, is_heading: heading }) => paragraphOf(words.map(known), { heading })),
  };
}

/** Return a transcript that can be written in: one without paragraphs gets an empty one for the whole recording. */
export function writable(transcript, { offset_seconds: offset = 0, audio_seconds: seconds = 0, language = null }) {
  if (transcript.paragraphs.length) return transcript;
  const whole = { text: "", start: offset, end: offset + seconds, probability: null, speaker: null, language };
  return { ...transcript, paragraphs: [paragraphOf([whole])] };
}

/** Return what the API is given; paragraphs without words are left out, and each is said by one speaker. */
export function contentOf({ paragraphs, speakers }) {
  const written = paragraphs.filter(({ words }) => words.length);
  return {
    speakers: speakers.map(({ id, name }) => ({ id, name })),
    paragraphs: written.map((paragraph) => {
      const { heading, words } = paragraph;
      const spoken = speakerOf(paragraph) ?? "";
      return {
        is_heading: heading,
        words: words.map(({ text, start, end, speaker, probability, language }) => {
          return {
            text,
            start,
            end,
            speaker: speaker ?? spoken,
            probability: probability ?? null,
            language: language ?? null,
          };
        }),
      };
    }),
  };
}

const FACTS = ["text", "start", "end", "speaker", "probability", "language"];

/** Tell if two words are the same in everything that is saved. */
export const isSameWord = (one, other) =>
  one === other || FACTS.every((fact) => (one[fact] ?? null) === (other[fact] ?? null));

/** Tell if the same is saved of two transcripts. */
export function isSameContent(one, other) {
  if (one === other) return true;
  const areSame = (some, others, isSame) =>
    some === others || (some.length === others.length && some.every((each, index) => isSame(each, others[index])));
  const [written, before] = [one, other].map(({ paragraphs }) => paragraphs.filter(({ words }) => words.length));
  return areSame(one.speakers, other.speakers, (speaker, old) => speaker.id === old.id && speaker.name === old.name) &&
    areSame(written, before, (paragraph, old) => {
      return paragraph.heading === old.heading && areSame(paragraph.words, old.words, isSameWord);
    });
}

/** Put *paragraphs* in the place of so many from *index* on. */
function spliced(transcript, index, count, ...paragraphs) {
  return { ...transcript, paragraphs: transcript.paragraphs.toSpliced(index, count, ...paragraphs) };
}

/** Write *text* in the place of what a paragraph says. */
export function retype(transcript, index, text) {
  const paragraph = transcript.paragraphs[index];
  if (paragraph.text === text) return transcript;
  return spliced(transcript, index, 1, retyped(paragraph, text));
}

export function retyped(paragraph, text) {
  const { words, spans } = align(paragraph.source, text);
  const { source, speaker = null } = paragraph; // where nothing was heard, only the paragraph knows who speaks
  return { ...paragraph, text, spans, words: source.length ? words : words.map((word) => ({ ...word, speaker })) };
}

/** Take note that a word is right as it is: it is not doubted any more. */
export function confirmWord(transcript, index, number) {
  const paragraph = transcript.paragraphs[index];
  const { text, start } = paragraph.words[number];
  const isSame = (word) => word.start === start && word.text.trim() === text.trim();
  const sure = (word) => isSame(word) ? { ...word, probability: null } : word;
  return spliced(transcript, index, 1, {
    ...paragraph,
    words: paragraph.words.map((word, place) => place === number ? { ...word, probability: null } : word),
    source: paragraph.source.map(sure),
  });
}

/** Divide a paragraph at an offset of its text; a word that is cut shares its time among its halves. */
export function split(transcript, index, offset) {
  const paragraph = transcript.paragraphs[index];
  const { id, heading } = paragraph;
  const [left, right] = cut(paragraph, offset);
  return spliced(transcript, index, 1, following(left, paragraph, { id, heading }), following(right, paragraph));
}

/** Return a paragraph of these words; an empty one keeps whose turn it is. */
function following(words, paragraph, options) {
  const made = paragraphOf(words, options);
  return words.length ? made : { ...made, speaker: speakerOf(paragraph) };
}

/** Return the words before and after an offset of the text. */
function cut({ words, spans }, offset) {
  const left = words.filter((_, index) => spans[index][1] <= offset);
  const right = words.filter((_, index) => spans[index][0] >= offset);
  const within = words[left.length];
  if (left.length + right.length === words.length) return [left, right];
  const [from, to] = spans[left.length];
  const own = within.text.trimStart();
  const share = (offset - from) / (to - from);
  const middle = within.start === null ? null : within.start + (within.end - within.start) * share;
  const lead = within.text.slice(0, within.text.length - own.length);
  const half = { ...within, probability: null, halfOf: within };
  left.push({ ...half, text: lead + own.slice(0, offset - from), end: middle });
  const rest = own.slice(offset - from);
  right.unshift({ ...half, text: isSpaced(rest) ? ` ${rest}` : rest, start: middle });
  return [left, right];
}

/**
 * Append a paragraph to the one before it. All is said by the first one's speaker; by the second's, if it has none.
 *
 * Returns where in the joined paragraph the seam is, too.
 */
export function join(transcript, index) {
  const [left, right] = [transcript.paragraphs[index - 1], transcript.paragraphs[index]];
  const { id } = left;
  const heading = left.words.length ? left.heading : right.heading;
  const speaker = (left.words.length ? speakerOf(left) : null) ?? speakerOf(right);
  const give = (word) => word.speaker === speaker ? word : { ...word, speaker };
  const joined = following(chained(left.words, right.words).map(give), left, { id, heading });
  const seam = left.spans.length ? left.spans.at(-1)[1] : 0;
  return { transcript: spliced(transcript, index - 1, 2, joined), seam };
}

/** Return words and those after them; a word that was divided between them is one again. */
function chained(before, after) {
  const [last, first] = [before.at(-1), after[0]];
  if (!last || !first) return [...before, ...after];
  const whole = last.halfOf;
  if (whole && whole === first.halfOf && (last.text + first.text.trimStart()).trim() === whole.text.trim()) {
    return [...before.slice(0, -1), { ...whole, text: last.text + first.text.trimStart() }, ...after.slice(1)];
  }
  const spaced = isSpaced(first.text) ? { ...first, text: ` ${first.text.trimStart()}` } : first;
  return [...before, spaced, ...after.slice(1)];
}

/** Return the id of who speaks a paragraph, or null. */
export function speakerOf({ words, source, speaker = null }) {
  const named = (word) => word.speaker !== null && word.speaker !== undefined;
  return (words.find(named) ?? source.find(named))?.speaker ?? speaker;
}

/** Give the paragraphs at *indexes* to a speaker. */
export function assign(transcript, indexes, speaker) {
  const chosen = new Set(indexes);
  const isTheirs = ({ words }) => words.length > 0 && words.every((word) => word.speaker === speaker);
  if (indexes.every((index) => isTheirs(transcript.paragraphs[index]))) return transcript;
  const give = (word) => word.speaker === speaker ? word : { ...word, speaker };
  const paragraphs = transcript.paragraphs.map((paragraph, index) => {
    if (!chosen.has(index)) return paragraph;
    return { ...paragraph, speaker, words: paragraph.words.map(give), source: paragraph.source.map(give) };
  });
  return { ...transcript, paragraphs };
}

/** Add a speaker without a name. Returns the new id, too. */
export function addSpeaker(transcript) {
  const taken = new Set(transcript.speakers.map(({ id }) => id));
  let number = 1;
  while (taken.has(`S${number}`)) number++;
  const id = `S${number}`;
  return { transcript: { ...transcript, speakers: [...transcript.speakers, { id, name: "" }] }, id };
}

export function renameSpeaker(transcript, id, name) {
  if (transcript.speakers.find((speaker) => speaker.id === id)?.name === name.trim()) return transcript;
  const speakers = transcript.speakers.map((speaker) => speaker.id === id ? { id, name: name.trim() } : speaker);
  return { ...transcript, speakers };
}

/** Give all that one speaker says to another, and have no more of the first. */
export function mergeSpeaker(transcript, id, other) {
  const give = (word) => word.speaker === id ? { ...word, speaker: other } : word;
  const paragraphs = transcript.paragraphs.map((paragraph) => {
    const { words, source, speaker = null } = paragraph;
    const isTheirs = speaker === id || [...words, ...source].some((word) => word.speaker === id);
    if (!isTheirs) return paragraph;
    return {
      ...paragraph,
      speaker: speaker === id ? other : speaker,
      words: words.map(give),
      source: source.map(give),
    };
  });
  return { paragraphs, speakers: transcript.speakers.filter((speaker) => speaker.id !== id) };
}

/**
 * Put in a paragraph for a stretch of the recording, where that stands in time; what spans it is divided.
 *
 * What is written in the paragraph shares the stretch. Returns the paragraph's index, too.
 */
export function insertStretch(transcript, { start, end, text = "" }) {
  const { paragraphs } = transcript;
  const startOf = ({ source }) => source.find((word) => word.start !== null)?.start ?? null;
  const before = paragraphs.findLastIndex((paragraph) => (startOf(paragraph) ?? Infinity) < start);
  const paragraph = paragraphs[before];
  const speaker = paragraph ? speakerOf(paragraph) : null;
  const stretch = { text: "", start, end, probability: null, speaker, language: paragraph?.words[0]?.language ?? null };
  const inserted = retyped(paragraphOf([stretch]), text.trim());
  const later = paragraph?.words.findIndex((word) => word.start !== null && word.start >= start) ?? -1;
  if (later <= 0) return { transcript: spliced(transcript, before + 1, 0, inserted), index: before + 1 };
  const { id, heading, words } = paragraph;
  const [left, right] = [paragraphOf(words.slice(0, later), { id, heading }), paragraphOf(words.slice(later))];
  return { transcript: spliced(transcript, before, 1, left, inserted, right), index: before + 1 };
}
