// The tags of a batch: each leads to the batches that have it; added by typing, with those in use as suggestions.

import { call, wasAccepted } from "../shared/api.js";
import { arrange, make, onPlainClick, setText } from "../shared/dom.js";
import { nameElement, shownName } from "../shared/names.js";
import { troubleOf } from "./watch.js";

const COMMAS = /[,\uff0c\u060c\u3001]/;

export class Tags {
  /** *change* adds or removes tags and returns the answer; *open* shows the batches of a tag. */
  constructor({ change, open }) {
    Object.assign(this, { change, open });
    this.shown = new Map();
    this.known = make("datalist", { id: "known-tags" });
    this.input = make("input", {
      type: "text",
      list: "known-tags",
      placeholder: "Add a tag",
      "aria-label": "Add a tag",
      enterkeyhint: "done",
    });
    this.form = make("form", { class: "tagging" }, this.input, this.known);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
    this.input.addEventListener("focus", () => this.suggest());
    this.input.addEventListener("keydown", (event) => this.#onKey(event));
    this.complaint = make("p", { class: "complaint", role: "alert", hidden: true });
    this.list = make("ul", { class: "tags", "aria-label": "Tags" });
    this.element = make("div", { class: "labels" }, this.list, this.form, this.complaint);
  }

  show(tags) {
    this.tags = tags;
    for (const tag of tags) if (!this.shown.has(tag)) this.shown.set(tag, this.tag(tag));
    arrange(this.list, tags.map((tag) => this.shown.get(tag)));
    this.list.hidden = !tags.length;
  }

  tag(tag) {
    const link = make("a", {
      href: `?${new URLSearchParams({ tag })}`,
      title: `Batches with the tag ${shownName(tag)}`,
    }, nameElement(tag));
    onPlainClick(link, () => this.open(tag));
    const remove = make(
      "button",
      { type: "button", "aria-label": `Remove the tag ${shownName(tag)}`, title: "Remove" },
      "✕",
    );
    remove.addEventListener("click", () => this.ask({ remove_tags: [tag] }, () => this.input.focus()));
    remove.addEventListener("keydown", (event) => {
      if (event.key === "Backspace" || event.key === "Delete") remove.click();
    });
    return make("li", { class: "tag" }, link, remove);
  }

  /** Offer the tags in use that the batch does not have. */
  async suggest() {
    const answer = await call("GET", "/tags");
    if (!wasAccepted(answer)) return;
    const offered = answer.body.filter(({ tag }) => !this.tags.includes(tag));
    this.known.replaceChildren(...offered.map(({ tag }) => make("option", { value: tag })));
  }

  /** A comma adds what stands before it, as Enter does; before nothing, the backspace key goes to the last tag. */
  #onKey(event) {
    if (event.isComposing) return;
    if (event.key === "Escape") this.input.value = "";
    else if (COMMAS.test(event.key)) {
      event.preventDefault();
      this.add();
    } else if (event.key === "Backspace" && !this.input.value) {
      const last = this.list.lastElementChild?.querySelector("button");
      if (!last) return;
      event.preventDefault();
      last.focus();
    }
  }

  add() {
    const typed = this.input.value;
    const tags = typed.split(COMMAS).map((tag) => tag.trim()).filter(Boolean);
    if (!tags.length) return;
    this.input.value = ""; // what is typed from here on is the next tag
    const putBack = () => (this.input.value = [typed, this.input.value].filter(Boolean).join(", "));
    this.ask({ add_tags: tags }, () => {}, putBack);
  }

  async ask(body, done, undone = () => {}) {
    const answer = await this.change(body);
    const refused = wasAccepted(answer) ? "" : troubleOf(answer);
    setText(this.complaint, refused);
    this.complaint.hidden = !refused;
    if (refused) {
      undone();
      return;
    }
    this.show(answer.body.tags);
    done();
  }
}
