// What is marked in the text: the word that is said, doubtful words, and what a search found. The browser paints the
// marks over the text, so that neither the caret nor what is typed is touched; an older browser shows none.

import { UNLIKELY } from "../player/doubts.js";
import { isDoubtful } from "./timeline.js";

const NAMES = { said: "edited-said", doubted: "edited-doubted", unlikely: "edited-unlikely", found: "edited-found" };

export class Marks {
  constructor() {
    this.ofParagraph = new Map();
    this.marks = {};
    for (const [kind, name] of Object.entries(NAMES)) {
      this.marks[kind] = globalThis.Highlight ? new Highlight() : new Set();
      globalThis.CSS.highlights?.set(name, this.marks[kind]);
    }
    this.marks.said.priority = 1;
  }

  /** Mark the doubtful words of a paragraph, in place of those before. */
  markDoubts({ id, words, spans }, element) {
    this.forget(id);
    const ranges = [];
    words.forEach((word, index) => {
      if (!isDoubtful(word)) return;
      const range = rangeOf(element, ...spans[index]);
      const kind = word.probability < UNLIKELY ? "unlikely" : "doubted";
      this.marks[kind].add(range);
      ranges.push([kind, range]);
    });
    if (ranges.length) this.ofParagraph.set(id, ranges);
  }

  forget(id) {
    for (const [kind, range] of this.ofParagraph.get(id) ?? []) this.marks[kind].delete(range);
    this.ofParagraph.delete(id);
  }

  /** Mark one place as said, or none. */
  markSaid(element, span) {
    this.marks.said.clear();
    if (element && span) this.marks.said.add(rangeOf(element, ...span));
  }

  /** Mark what was found, as pairs of elements and ranges of their texts. */
  markFound(places) {
    this.marks.found.clear();
    for (const [element, from, to] of places) this.marks.found.add(rangeOf(element, from, to));
  }

  close() {
    for (const name of Object.values(NAMES)) globalThis.CSS.highlights?.delete(name);
  }
}

function rangeOf(element, from, to) {
  const node = element.firstChild;
  return new StaticRange({ startContainer: node, startOffset: from, endContainer: node, endOffset: to });
}
