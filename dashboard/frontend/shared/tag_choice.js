// A list of the tags in use, to choose one: it is hidden while there are none.

import { call, wasAccepted } from "./api.js";
import { make, offerOptions } from "./dom.js";
import { shownName } from "./names.js";

export class TagChoice {
  /** *onChange* is told the tag that was chosen; "" stands for any. */
  constructor(onChange) {
    this.tags = [];
    this.element = make("select", { "aria-label": "Tag", hidden: true });
    this.element.addEventListener("change", () => onChange(this.element.value));
    this.element.addEventListener("focus", () => this.learn());
    this.learn();
  }

  /** Show what is chosen, also a tag that no batch has. */
  show(chosen) {
    const known = this.tags.find(({ tag }) => tag.toLowerCase() === chosen.toLowerCase());
    const options = this.tags.map(({ tag, batches }) => [tag, `${shownName(tag)} (${batches})`]);
    const unknown = chosen && !known ? [[chosen, shownName(chosen)]] : [];
    offerOptions(this.element, [["", "Any tag"], ...options, ...unknown]);
    this.element.value = known?.tag ?? chosen;
    this.element.hidden = !options.length && !chosen;
  }

  /** Learn which tags are in use. */
  async learn() {
    const answer = await call("GET", "/tags");
    if (!wasAccepted(answer)) return;
    this.tags = answer.body;
    this.show(this.element.value);
  }
}
