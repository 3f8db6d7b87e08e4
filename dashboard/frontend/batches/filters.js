// The filters of the list of batches: words, a tag and a state.

import { make, offerOptions } from "../shared/dom.js";
import { TagChoice } from "../shared/tag_choice.js";
import { shownName } from "../shared/names.js";
import { settled } from "./watch.js";

const STATES = {
  uploading: "Uploading",
  waiting: "Waiting",
  running: "Running",
  cancelling: "Cancelling",
  completed: "Done",
  failed: "With failures",
  cancelled: "Cancelled",
};
const MILLISECONDS_TO_SETTLE = 250;
const MILLISECONDS_TO_THE_ADDRESS = 1000;

export class ListFilters {
  /** *onChange* is told the filters that changed, and *onSettled* is called when they are worth an address. */
  constructor(onChange, onSettled) {
    this.search = make("input", {
      type: "search",
      maxlength: 200,
      placeholder: "Search by name",
      "aria-label": "Search batches by name",
    });
    const choose = (changed) => {
      onChange(changed);
      onSettled();
    };
    this.tag = new TagChoice((tag) => choose({ tag }));
    this.state = make("select", { "aria-label": "State" });
    offerOptions(this.state, [["", "Any state"], ...Object.entries(STATES)]);
    this.element = make("div", { class: "tools" }, this.search, this.tag.element, this.state);
    const find = () => onChange({ search: this.search.value.trim() });
    this.search.addEventListener("input", settled(find, MILLISECONDS_TO_SETTLE));
    this.search.addEventListener("input", settled(onSettled, MILLISECONDS_TO_THE_ADDRESS));
    this.state.addEventListener("change", () => choose({ state: this.state.value }));
  }

  /** Show what is wanted. */
  show({ search, tag, state }) {
    if (this.search.value.trim() !== search) this.search.value = search;
    this.state.value = state in STATES ? state : "";
    this.tag.show(tag);
  }
}

/** What is said if no batch is as wanted. */
export function noneSentence({ search, tag, state }) {
  const parts = [
    search && `has “${shownName(search)}” in its name`,
    tag && `has the tag “${shownName(tag)}”`,
    state && (state === "failed" ? "has failures" : `is ${(STATES[state] ?? state).toLowerCase()}`),
  ];
  return `No batch ${parts.filter(Boolean).join(" and ")}.`;
}
