// The search field: how many places there are, and the way from one to the next.

import { findAll, searchIndex } from "./search.js";

export class Searching {
  constructor({ find, on, text, show, leave }) {
    Object.assign(this, { find, text, show, leave, matches: [], at: -1 });
    const query = find("query");
    on(query, "input", () => this.search(query.value));
    on(query, "keydown", (event) => this.answerKey(event, query));
    on(find("previous"), "click", () => this.move(-1));
    on(find("next"), "click", () => this.move(1));
  }

  answerKey(event, query) {
    if (event.key === "Enter") this.move(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      if (query.value) this.search(query.value = "");
      this.leave(); // the keys of the player work again
    } else return;
    event.preventDefault();
  }

  search(query) {
    this.index ??= searchIndex(this.text);
    this.mark(-1);
    this.matches = findAll(this.index, this.text.words, query);
    this.paint();
    for (const name of ["previous", "next"]) this.find(name).disabled = !this.matches.length;
    this.find("count").textContent = query.trim() ? "0 of 0" : "";
    if (this.matches.length) this.move(1);
  }

  move(direction) {
    const count = this.matches.length;
    if (!count) return;
    this.mark((Math.max(this.at, direction > 0 ? -1 : 0) + direction + count) % count);
    this.find("count").textContent = `${this.at + 1} of ${count}`;
    this.show(this.matches[this.at].begin.word);
  }

  /** Frame the words of one match, in place of those framed before. */
  mark(at) {
    this.eachWord(this.at, (element) => element.classList.remove("found"));
    this.at = at;
    this.eachWord(at, (element) => element.classList.add("found"));
  }

  eachWord(at, act) {
    const match = this.matches[at];
    for (let word = match?.begin.word; word <= match?.end.word; word++) act(this.text.elements[word]);
  }

  /** Have the browser paint every match; the elements stay as they are, so thousands of matches cost little. */
  paint() {
    const node = (word) => this.text.elements[word].firstChild;
    const painted = globalThis.Highlight ? new Highlight() : new Set(); // an older browser frames the current match only
    for (const { begin, end } of this.matches) {
      painted.add(
        new StaticRange({
          startContainer: node(begin.word),
          startOffset: begin.character,
          endContainer: node(end.word),
          endOffset: end.character,
        }),
      );
    }
    globalThis.CSS.highlights?.set("transcript-match", painted);
  }

  close() {
    globalThis.CSS.highlights?.delete("transcript-match");
  }
}
