// Find and replace: the fields, how many places there are, and the way from one to the next.

import { make } from "../shared/dom.js";
import { findPlaces } from "./finding.js";

export class FindBar {
  /** *show* shows a place, *replace* writes in places, *leave* goes back to the text. */
  constructor(container, { transcript, show, mark, replace, leave }) {
    Object.assign(this, { transcript, show, mark, replace, leave, places: [], at: -1 });
    const changed = () => this.search();
    const field = (label, listeners) =>
      make("input", {
        type: "text",
        autocomplete: "off",
        spellcheck: "false",
        placeholder: label,
        "aria-label": label,
        ...listeners,
      });
    this.query = field("Find", { oninput: changed, onkeydown: (event) => this.answerKey(event) });
    this.replacement = field("Replace with", { onkeydown: (event) => this.answerKey(event) });
    const choice = (label) => {
      const box = make("input", { type: "checkbox", onchange: changed });
      return [box, make("label", { class: "choice" }, box, label)];
    };
    const [matchCase, matchCaseLabel] = choice("Match case");
    const [wholeWords, wholeWordsLabel] = choice("Whole words");
    Object.assign(this, { matchCase, wholeWords });
    this.count = make("output", { class: "count" });
    const button = (label, act, name = null, title = null) =>
      make("button", { class: "button", type: "button", onclick: act, title, "aria-label": name }, label);
    this.buttons = [
      button("↑", () => this.move(-1), "Previous place", "Previous place (Shift+Enter)"),
      button("↓", () => this.move(1), "Next place", "Next place (Enter)"),
      button("Replace", () => this.replaceOne()),
      button("Replace all", () => this.replaceAll()),
    ];
    this.element = make(
      "search",
      { class: "find-bar", "aria-label": "Find and replace", hidden: true },
      make("div", { class: "line" }, this.query, this.count, ...this.buttons.slice(0, 2)),
      make("div", { class: "line" }, this.replacement, ...this.buttons.slice(2), matchCaseLabel, wholeWordsLabel),
    );
    this.said = make("p", { class: "said", role: "status" });
    container.append(this.element, this.said);
  }

  open(selected = "") {
    this.element.hidden = false;
    if (selected) this.query.value = selected;
    this.query.focus();
    this.query.select();
    this.search({ goes: false });
  }

  close() {
    this.element.hidden = true;
    this.mark([]);
  }

  remove() {
    this.mark([]);
    this.element.remove();
    this.said.remove();
  }

  answerKey(event) {
    if (event.key === "Escape") {
      this.search({ goes: false });
      this.close();
      this.leave(this.places[this.at]);
    } else if (event.key !== "Enter") return;
    else if (event.currentTarget === this.query) this.move(event.shiftKey ? -1 : 1);
    else this.replaceOne();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Look again, for the text or what is looked for has changed. */
  search({ goes = true } = {}) {
    if (this.element.hidden) return;
    const { at } = this;
    Object.assign(this, { places: [], at: -1 }); // nothing is written into places of another text or query
    const options = { matchCase: this.matchCase.checked, wholeWords: this.wholeWords.checked };
    this.places = findPlaces(this.transcript(), this.query.value, options);
    this.at = goes && this.places.length ? 0 : Math.min(at, this.places.length - 1);
    this.mark(this.places);
    for (const button of this.buttons) button.disabled = !this.places.length;
    this.tell();
    if (goes && this.places.length) this.show(this.places[0]);
  }

  tell() {
    this.count.textContent = this.query.value.trim() ? `${this.at + 1} of ${this.places.length}` : "";
  }

  move(direction) {
    this.search({ goes: false });
    const count = this.places.length;
    if (!count) return;
    this.at = (Math.max(this.at, direction > 0 ? -1 : 0) + direction + count) % count;
    this.tell();
    this.show(this.places[this.at]);
  }

  replaceOne() {
    this.search({ goes: false });
    if (!this.places.length) return;
    if (this.at < 0) return this.move(1);
    const { index, from } = this.places[this.at];
    this.replace([this.places[this.at]], this.replacement.value);
    const end = from + this.replacement.value.length;
    this.search({ goes: false });
    const next = this.places.findIndex((place) => place.index > index || (place.index === index && place.from >= end));
    this.at = Math.max(0, next) - 1;
    this.move(1);
    this.tell();
  }

  replaceAll() {
    this.search({ goes: false });
    const { length } = this.places;
    if (!length) return;
    this.replace(this.places, this.replacement.value);
    this.search({ goes: false });
    this.said.textContent = `${length} replaced`;
    this.count.textContent = `${length} replaced`;
  }
}
