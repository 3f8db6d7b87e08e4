// The panels at the side of the edited text: the speakers, the revisions, and how the recording is played.

import { nameOf } from "../player/speakers.js";
import { make } from "../shared/dom.js";
import { counted, dayAndTime } from "../shared/formats.js";
import { store, stored } from "../shared/storage.js";

const STEP_BACK = "batchscribe.step-back";
const STEPS_BACK = [0, 0.5, 1, 2, 3, 5];
const STEP_BACK_AT_FIRST = 1;
const SPEAKERS_WITH_A_KEY = 9;

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

/** The speakers with their names, to be changed. */
export class SpeakersPanel {
  constructor({ onRename, onMerge, onAdd }) {
    Object.assign(this, { onRename, onMerge });
    this.list = make("ul", { class: "speakers" });
    this.add = make("button", { class: "button", type: "button", onclick: onAdd });
    this.element = make("section", {}, make("h2", {}, "Speakers"), this.list, this.add);
  }

  show(transcript) {
    if (this.shown === transcript.speakers) return;
    this.shown = transcript.speakers;
    this.add.textContent = transcript.speakers.length ? "Add a speaker" : "Add speakers";
    this.list.replaceChildren(...transcript.speakers.map(({ id, name }, index) => {
      const fallback = nameOf({ speakers: [] }, id);
      const field = make("input", {
        type: "text",
        maxlength: 100,
        autocomplete: "off",
        placeholder: fallback,
        "aria-label": `Name of ${fallback}`,
        onchange: () => this.onRename(id, field.value),
      });
      field.value = name;
      const key = index < SPEAKERS_WITH_A_KEY && make("kbd", {}, `Alt+${index + 1}`);
      return make("li", {}, field, key, transcript.speakers.length > 1 && this.mergeChoice(id, transcript));
    }));
  }

  /** Return the choice of whom a speaker is the same as. */
  mergeChoice(id, transcript) {
    const others = transcript.speakers.filter((speaker) => speaker.id !== id);
    const choice = make(
      "select",
      {
        class: "speaker",
        "aria-label": `${nameOf(transcript, id)} is the same as`,
        onchange: () => this.onMerge(id, choice.value),
      },
      make("option", { value: "" }, "Same as…"),
      ...others.map((other) => make("option", { value: other.id }, nameOf(transcript, other.id))),
    );
    return choice;
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
  }
}

export const titleOf = ({ number }) => number ? `Revision ${number}` : "The machine’s transcript";

function factsOf({ saved_at: at, saved_by: by, words_changed: changed, number }) {
  if (!number) return "";
  return [dayAndTime(new Date(at)), by, counted(changed, "word") + " changed"].filter(Boolean).join(" · ");
}
