// When each word of an edited transcript is said, and which words the model was not sure of.

import { DOUBTED } from "../player/doubts.js";
import { wordAt } from "../player/layout.js";

/** Return the words in order with their paragraphs and starts; who has no time yet lies between its neighbours. */
export function timelineOf({ paragraphs }) {
  const words = paragraphs.flatMap((paragraph) =>
    paragraph.words.map((word, index) => ({ paragraph: paragraph.id, index, word }))
  );
  return { words, starts: startsOf(words.map(({ word }) => word)) };
}

/** Return the starts of the words; they never run backwards. */
export function startsOf(words) {
  const starts = new Float64Array(words.length);
  let latest = 0;
  for (let index = 0; index < words.length; index++) {
    if (words[index].start === null) {
      let next = index;
      while (next < words.length && words[next].start === null) next++;
      const from = words[index - 1]?.end ?? latest;
      const to = Math.max(from, words[next]?.start ?? from);
      for (let place = index; place < next; place++) {
        starts[place] = latest = Math.max(latest, from + ((to - from) * (place - index)) / (next - index));
      }
      index = next - 1;
    } else starts[index] = latest = Math.max(latest, words[index].start);
  }
  return starts;
}

/** Return when a paragraph begins, or null if no word of it has a time. */
export function startOf({ words, source }) {
  const known = (word) => word.start !== null;
  return (words.find(known) ?? source.find(known))?.start ?? null;
}

/** Return which word of a paragraph is at an offset of its text: the one that it is in, or the one before. */
export function wordAtOffset({ spans }, offset) {
  return Math.max(0, wordAt(spans.map(([from]) => from), offset));
}

export const isDoubtful = (word) => typeof word?.probability === "number" && word.probability < DOUBTED;

/** Return the next word, from a place on, that the model was not sure of; null if there is none. It goes round. */
export function nextDoubtful({ paragraphs }, { index, offset }, direction = 1) {
  const all = doubtfulPlaces(paragraphs);
  if (!all.length) return null;
  const isAfter = (place) => place.index > index || (place.index === index && place.from > offset);
  const isBefore = (place) => place.index < index || (place.index === index && place.to < offset);
  return direction > 0 ? all.find(isAfter) ?? all[0] : all.findLast(isBefore) ?? all.at(-1);
}

function doubtfulPlaces(paragraphs) {
  return paragraphs.flatMap(({ words, spans }, index) =>
    words.flatMap((word, number) => {
      const [from, to] = spans[number];
      return isDoubtful(word) ? [{ index, from, to, word }] : [];
    })
  );
}

export const countDoubtful = ({ paragraphs }) =>
  paragraphs.reduce((sum, { words }) => sum + words.filter(isDoubtful).length, 0);

/** Return the place of the word that is said at a time: the index of its paragraph and where it begins in its text. */
export function placeOf({ paragraphs }, seconds) {
  let found = null;
  paragraphs.forEach(({ words, spans }, index) => {
    words.forEach(({ start }, number) => {
      if (start !== null && (start <= seconds || !found)) found = { index, from: spans[number][0] };
    });
  });
  return found;
}
