// Find and replace in the text of paragraphs.

import { retyped } from "./model.js";

const LETTER = "[\\p{L}\\p{N}\\p{M}_]";

/** Return what finds *query*; null if it is empty. Any space finds any other. */
function patternOf(query, { matchCase = false, wholeWords = false } = {}) {
  if (!query.trim()) return null;
  const literal = query.replace(/[\\^$.*+?()[\]{}|/]/g, (sign) => `\\${sign}`).replace(/\s+/g, "\\s+");
  const bounded = wholeWords ? `(?<!${LETTER})${literal}(?!${LETTER})` : literal;
  return new RegExp(bounded, matchCase ? "gu" : "giu");
}

/** Return all places of *query*: the index of the paragraph and the range of its text. */
export function findPlaces({ paragraphs }, query, options) {
  const pattern = patternOf(query, options);
  if (!pattern) return [];
  return paragraphs.flatMap(({ text }, index) =>
    Array.from(text.matchAll(pattern), (match) => ({ index, from: match.index, to: match.index + match[0].length }))
  );
}

/** Write *replacement* in the place of the *places*, which are in order. */
export function replacePlaces(transcript, places, replacement) {
  const paragraphs = transcript.paragraphs.map((paragraph, index) => {
    const own = places.filter((place) => place.index === index);
    if (!own.length) return paragraph;
    let [text, at] = ["", 0];
    for (const { from, to } of own) {
      text += paragraph.text.slice(at, from) + replacement;
      at = to;
    }
    return retyped(paragraph, text + paragraph.text.slice(at));
  });
  return { ...transcript, paragraphs };
}
