// The filters of a search: a language, the age of the batches, a tag of them, and one batch alone.

import { make, setText } from "../shared/dom.js";
import { number } from "../shared/formats.js";
import { TagChoice } from "../shared/tag_choice.js";
import { shownName } from "../shared/names.js";
import { PERIODS } from "./found.js";

const languageNames = new Intl.DisplayNames(["en"], { type: "language" });

export class Filters {
  /** *onChange* is told the filters that changed. */
  constructor(onChange) {
    this.language = make("select", { "aria-label": "Language", hidden: true });
    this.period = make("select", { "aria-label": "Age of the batch" });
    this.period.append(...Object.entries(PERIODS).map(([value, { label }]) => make("option", { value }, label)));
    this.tag = new TagChoice((tag) => onChange({ tag }));
    this.batch = make("button", { type: "button", class: "button", hidden: true });
    this.element = make(
      "div",
      { class: "filters", hidden: true },
      this.language,
      this.period,
      this.tag.element,
      this.batch,
    );
    this.language.addEventListener("change", () => onChange({ language: this.language.value }));
    this.period.addEventListener("change", () => onChange({ period: this.period.value }));
    this.batch.addEventListener("click", () => onChange({ batch: "" }));
  }

  /** Show what is wanted; the languages are those of the latest answer. */
  show({ q, language, period, batch, tag }) {
    this.element.hidden = !q;
    this.tag.show(tag);
    this.period.value = period;
    this.offer(this.languages ?? {}, language);
    this.batch.hidden = !batch;
    if (batch !== this.batchId) setText(this.batch, "In one batch only ✕");
    this.batchId = batch;
  }

  /** Offer the languages that there are, and the name of the batch if it is known now. */
  learn({ index, recordings }, { language, batch }) {
    this.languages = index.languages;
    this.offer(index.languages, language);
    if (batch && recordings.length) setText(this.batch, `Only in “${shownName(recordings[0].batch_name.text)}” ✕`);
  }

  offer(languages, chosen) {
    const codes = Object.keys({ ...languages, ...(chosen && { [chosen]: 0 }) });
    const sign = JSON.stringify(languages);
    this.language.hidden = codes.length < 2 && !chosen;
    if (sign !== this.sign || this.language.children.length !== codes.length + 1) {
      const options = codes.map((code) => make("option", { value: code }, nameOf(code, languages[code])));
      this.language.replaceChildren(make("option", { value: "" }, "Any language"), ...options);
      this.sign = sign;
    }
    this.language.value = chosen;
  }
}

function nameOf(code, count) {
  let name = code;
  try {
    name = languageNames.of(code) ?? code;
  } catch { /* no code that the browser knows */ }
  return count ? `${name} (${number(count)})` : name;
}
