// The tags of a batch: each leads to the batches that have it; added by typing, with those in use as suggestions.

import { call, wasAccepted } from "../shared/api.js";
import { arrange, make, onPlainClick, setText } from "../shared/dom.js";
import { troubleOf } from "./watch.js";

export class Tags {
  /** *change* adds or removes tags and returns the answer; *open* shows the batches of a tag. */
  constructor({ change, open }) {
    Object.assign(this, { change, open });
    this.shown = new Map();
    this.known = make("datalist", { id: "known-tags" });
    this.input = make("input", {
      type: "text",
      list: "known-tags",
      maxlength: 50,
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
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.input.value = "";
    });
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
    const link = make("a", { href: `?${new URLSearchParams({ tag })}`, title: `Batches with the tag ${tag}` }, tag);
    onPlainClick(link, () => this.open(tag));
    const remove = make("button", { type: "button", "aria-label": `Remove the tag ${tag}`, title: "Remove" }, "✕");
    remove.addEventListener("click", () => this.ask({ remove_tags: [tag] }, () => this.input.focus()));
    return make("li", { class: "tag" }, link, remove);
  }

  /** Offer the tags in use that the batch does not have. */
  async suggest() {
    const answer = await call("GET", "/tags");
    if (!wasAccepted(answer)) return;
    const offered = answer.body.filter(({ tag }) => !this.tags.includes(tag));
    this.known.replaceChildren(...offered.map(({ tag }) => make("option", { value: tag })));
  }

  add() {
    const tag = this.input.value.trim();
    if (tag) this.ask({ add_tags: [tag] }, () => (this.input.value = ""));
  }

  async ask(body, done) {
    const answer = await this.change(body);
    const refused = wasAccepted(answer) ? "" : troubleOf(answer);
    setText(this.complaint, refused);
    this.complaint.hidden = !refused;
    if (refused) return;
    this.show(answer.body.tags);
    done();
  }
}
