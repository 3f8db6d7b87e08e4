// The field, and what is found for it. Streamlit calls the default export when it appears and when its data change.

import { call, isPassing, reasonOf, wasAccepted } from "../shared/api.js";
import { make } from "../shared/dom.js";
import { buildingSentence, countSentence } from "./found.js";
import { recordingElement } from "./recordings.js";

const RECORDINGS_ON_A_PAGE = 10;
const SECONDS_BETWEEN_LOOKS = 5;
const AWAY = "The dashboard does not answer. The search goes on as soon as it does.";

class Search {
  constructor(root, leave) {
    this.leave = leave;
    this.field = make("input", {
      type: "search",
      enterkeyhint: "search",
      maxlength: 200,
      placeholder: "Search in all transcripts",
      "aria-label": "Search in all transcripts",
      title: "Words, the beginning of a word, or “a phrase in quotes”",
    });
    const form = make("form", { role: "search" }, this.field, make("button", { class: "button" }, "Search"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = this.field.value.trim();
      leave("searched", typed);
      this.look(typed);
    });
    this.status = make("p", { class: "status", role: "status" });
    this.building = make("p", { class: "notice", hidden: true });
    this.trouble = make("p", { class: "notice bad", role: "alert", hidden: true });
    this.list = make("ol", { class: "recordings", "aria-label": "Recordings found" });
    this.more = make("button", { type: "button", class: "button", hidden: true }, "Show more recordings");
    this.more.addEventListener("click", () => this.ask(this.list.children.length));
    root.replaceChildren(form, this.status, this.building, this.trouble, this.list, this.more);
  }

  /** Show what is found for *query*, the one of the address. */
  show(query) {
    if (query === this.given) return;
    this.given = query;
    if (query === this.query) return;
    this.field.value = query;
    this.look(query);
  }

  look(query) {
    this.query = query;
    this.list.replaceChildren();
    for (const element of [this.building, this.trouble, this.more]) element.hidden = true;
    this.status.textContent = query ? "Searching…" : "";
    this.stop();
    if (query) this.ask(0);
  }

  /** Ask for a page of recordings; the first one again and again while something is missing from it. */
  async ask(offset) {
    this.stop();
    const asking = (this.asking = new AbortController());
    const parameters = new URLSearchParams({ q: this.query, offset, limit: RECORDINGS_ON_A_PAGE });
    const answer = await call("GET", `/search?${parameters}`, { signal: asking.signal });
    if (asking.signal.aborted) return;
    const accepted = wasAccepted(answer);
    this.trouble.hidden = accepted;
    if (accepted) this.tell(answer.body, offset);
    else this.fail(answer);
    const unfinished = accepted
      ? !this.building.hidden && this.list.children.length <= RECORDINGS_ON_A_PAGE
      : isPassing(answer);
    if (unfinished) this.timer = setTimeout(() => this.ask(accepted ? 0 : offset), SECONDS_BETWEEN_LOOKS * 1000);
  }

  tell(found, offset) {
    const { recordings, index } = found;
    const shown = recordings.map((recording) => recordingElement(recording, this.leave));
    const sign = JSON.stringify(recordings);
    if (offset) this.list.append(...shown);
    else if (sign !== this.sign || !this.list.children.length) this.list.replaceChildren(...shown);
    this.sign = offset ? "" : sign;
    this.more.hidden = this.list.children.length >= found.total || !recordings.length;
    const sentence = countSentence(this.query, found);
    if (this.status.textContent !== sentence) this.status.textContent = sentence;
    this.building.textContent = buildingSentence(index);
    this.building.hidden = !this.building.textContent;
    if (offset) shown[0]?.querySelector("a").focus();
  }

  fail(answer) {
    this.status.textContent = "";
    this.building.hidden = true;
    this.trouble.textContent = reasonOf(answer, AWAY);
  }

  stop() {
    clearTimeout(this.timer);
    this.asking?.abort();
  }
}

const searches = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".finder");
  if (!searches.has(root)) searches.set(root, new Search(root, setTriggerValue));
  searches.get(root).show(data.query);
  return () => {
    searches.get(root)?.stop();
    searches.delete(root);
  };
}
