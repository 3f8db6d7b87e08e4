// The field, and what is found for it. Streamlit calls the default export when it appears and when its data change.

import { call, isPassing, reasonOf, wasAccepted } from "../shared/api.js";
import { make } from "../shared/dom.js";
import { forgetGoneDrafts } from "../shared/gone_drafts.js";
import { Filters } from "./filters.js";
import { buildingSentence, countSentence, isFilling, NOTHING, parametersOf } from "./found.js";
import { recordingElement } from "./recordings.js";

const RECORDINGS_ON_A_PAGE = 10;
const SECONDS_BETWEEN_LOOKS = 5;
const AWAY = "The dashboard does not answer. The search goes on as soon as it does.";

class Search {
  constructor(root, leave) {
    this.leave = leave;
    this.wanted = NOTHING;
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
      this.want({ q: this.field.value.trim() });
    });
    this.filters = new Filters((changed) => this.want(changed));
    this.status = make("p", { class: "status", role: "status" });
    this.building = make("p", { class: "notice", hidden: true });
    this.trouble = make("p", { class: "notice bad", role: "alert", hidden: true });
    this.list = make("ol", { class: "recordings", "aria-label": "Recordings found" });
    this.more = make("button", { type: "button", class: "button", hidden: true }, "Show more recordings");
    this.more.addEventListener("click", () => this.ask(this.list.children.length));
    root.replaceChildren(form, this.filters.element, this.status, this.building, this.trouble, this.list, this.more);
    forgetGoneDrafts();
  }

  /** Show what is found for what the address says. */
  show(given) {
    const wanted = { ...NOTHING, ...given };
    const sign = JSON.stringify(wanted);
    if (sign === this.given) return;
    this.given = sign;
    if (sign === JSON.stringify(this.wanted)) return;
    this.field.value = wanted.q;
    this.look(wanted);
  }

  /** Search for something else than before, and put it into the address. A search for nothing has no filters. */
  want(changed) {
    const wanted = { ...this.wanted, ...changed };
    this.look(wanted.q ? wanted : NOTHING);
    this.leave("searched", this.wanted);
  }

  look(wanted) {
    this.wanted = wanted;
    this.list.replaceChildren();
    for (const element of [this.building, this.trouble, this.more]) element.hidden = true;
    this.filters.show(wanted);
    this.status.textContent = wanted.q ? "Searching…" : "";
    this.stop();
    if (wanted.q) this.ask(0);
  }

  /** Ask for a page of recordings; the first one again and again while something is missing from it. */
  async ask(offset) {
    this.stop();
    const asking = (this.asking = new AbortController());
    const wanted = { ...parametersOf(this.wanted, Date.now()), offset, limit: RECORDINGS_ON_A_PAGE };
    const answer = await call("GET", `/search?${new URLSearchParams(wanted)}`, { signal: asking.signal });
    if (asking.signal.aborted) return;
    const accepted = wasAccepted(answer);
    this.trouble.hidden = accepted;
    if (accepted) this.tell(answer.body, offset);
    else this.fail(answer);
    const unfinished = accepted
      ? isFilling(answer.body.index) && this.list.children.length <= RECORDINGS_ON_A_PAGE
      : isPassing(answer);
    if (unfinished) this.timer = setTimeout(() => this.ask(accepted ? 0 : offset), SECONDS_BETWEEN_LOOKS * 1000);
  }

  tell(found, offset) {
    const { recordings, index } = found;
    const onlyBatch = this.wanted.batch ? null : (batch) => this.want({ batch });
    const shown = recordings.map((recording) => recordingElement(recording, this.leave, onlyBatch));
    const sign = JSON.stringify(recordings);
    if (offset) this.list.append(...shown);
    else if (sign !== this.sign || !this.list.children.length) this.list.replaceChildren(...shown);
    this.sign = offset ? "" : sign;
    this.more.hidden = this.list.children.length >= found.total || !recordings.length;
    const sentence = countSentence(this.wanted, found);
    if (this.status.textContent !== sentence) this.status.textContent = sentence;
    this.filters.learn(found, this.wanted);
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
  searches.get(root).show(data.wanted);
  return () => {
    searches.get(root)?.stop();
    searches.delete(root);
  };
}
