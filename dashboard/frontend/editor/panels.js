// Panels at the side of the edited text: the revisions, and how the recording is played.

import { make } from "../shared/dom.js";
import { counted, dayAndTime } from "../shared/formats.js";
import { store, stored } from "../shared/storage.js";

const STEP_BACK = "batchscribe.step-back";
const STEPS_BACK = [0, 0.5, 1, 2, 3, 5];
const STEP_BACK_AT_FIRST = 1;

/** How far a pause steps back, in seconds, as a choice that is kept. */
export class PlayingPanel {
  constructor() {
    const kept = stored(STEP_BACK);
    const choice = make(
      "select",
      { class: "speed", onchange: () => store(STEP_BACK, Number(choice.value)) },
      ...STEPS_BACK.map((seconds) => make("option", { value: seconds }, seconds ? `${seconds} s` : "not at all")),
    );
    choice.value = String(STEPS_BACK.includes(kept) ? kept : STEP_BACK_AT_FIRST);
    this.choice = choice;
    this.element = make("section", {}, make("label", { class: "field" }, "Step back on pause", choice));
  }

  get stepBackSeconds() {
    return Number(this.choice.value);
  }
}

/** The revisions, newest first, with what can be done with each. */
export class RevisionsPanel {
  constructor({ onRead, onCompare, onRestore }) {
    Object.assign(this, { onRead, onCompare, onRestore });
    this.list = make("ol", { class: "revisions" });
    this.element = make("section", {}, make("h2", {}, "Revisions"), this.list);
  }

  tell(sentence) {
    this.list.replaceChildren(make("li", {}, sentence));
  }

  show(revisions, current) {
    const focused = this.list.getRootNode().activeElement;
    const label = this.list.contains(focused) ? focused.getAttribute("aria-label") : null;
    this.list.replaceChildren(...revisions.map((revision, index) => {
      const title = titleOf(revision);
      const act = (label, answer) =>
        make("button", {
          class: "link",
          type: "button",
          "aria-label": `${label}: ${title}`,
          onclick: () => answer(revision),
        }, label);
      return make(
        "li",
        { "aria-current": revision.number === current ? "true" : null },
        make("strong", {}, title),
        make("span", {}, factsOf(revision)),
        revision.note && make("q", {}, revision.note),
        make(
          "span",
          { class: "actions" },
          act("Read", this.onRead),
          act("Compare", this.onCompare),
          index > 0 && act("Restore", this.onRestore),
        ),
      );
    }));
    if (label) this.list.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
  }
}

export const titleOf = ({ number }) => number ? `Revision ${number}` : "The machine’s transcript";

function factsOf({ saved_at: at, saved_by: by, words_changed: changed, number }) {
  if (!number) return "";
  return [dayAndTime(new Date(at)), by, counted(changed, "word") + " changed"].filter(Boolean).join(" · ");
}
