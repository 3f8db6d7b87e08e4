// What the speakers of a transcript are called.

import { shownName } from "../shared/names.js";

/** Return what a speaker is called: by name, or by the number in the id, as in the documents (`voices.py`). */
export function nameOf({ speakers }, id) {
  if (!id) return "No speaker";
  const { name = "" } = speakers.find((speaker) => speaker.id === id) ?? {};
  return shownName(inOneLine(name)) || shownName(inOneLine(id)).replace(/^S(?=\d+$)/, "Speaker ");
}

/** Return whether there are speakers to be told apart: a lone one needs no label. */
export function areSeveral(words) {
  return new Set(words.map(({ speaker }) => speaker).filter(Boolean)).size > 1;
}

function inOneLine(text) {
  return text.trim().replace(/\s+/g, " ");
}
