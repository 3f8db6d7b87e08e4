// The speakers at the side of the edited text: their names, and which two of them are one.

import { nameOf } from "../player/speakers.js";
import { arrange, make, offerOptions, setAttribute, setText } from "../shared/dom.js";

const SPEAKERS_WITH_A_KEY = 9;

export class SpeakersPanel {
  constructor({ onRename, onMerge, onAdd }) {
    Object.assign(this, { onRename, onMerge, rows: new Map() });
    this.list = make("ul", { class: "speakers" });
    this.add = make("button", { class: "button", type: "button", onclick: onAdd });
    this.element = make("section", {}, make("h2", {}, "Speakers"), this.list, this.add);
  }

  /** Show the speakers. What is the same is left alone: a name may be typed into it right now. */
  show(transcript) {
    const { speakers } = transcript;
    if (this.shown === speakers) return;
    this.shown = speakers;
    this.add.textContent = speakers.length ? "Add a speaker" : "Add speakers";
    const rows = new Map(speakers.map(({ id }) => [id, this.rows.get(id) ?? this.made(id)]));
    this.rows = rows;
    speakers.forEach((speaker, index) => this.fill(rows.get(speaker.id), speaker, index, transcript));
    arrange(this.list, [...rows.values()].map(({ element }) => element));
  }

  made(id) {
    const field = make("input", {
      type: "text",
      maxlength: 100,
      autocomplete: "off",
      onchange: () => this.onRename(id, field.value),
    });
    const key = make("kbd", {});
    const merge = make("button", { class: "link", type: "button", hidden: true }, "Merge");
    // An arrow key that looks through the list changes it, too: so the button merges.
    const choice = make("select", { class: "speaker", onchange: () => (merge.hidden = !choice.value) });
    merge.onclick = () => this.merge(id, choice.value);
    return { element: make("li", {}, field, key, choice, merge), field, key, choice, merge, name: null };
  }

  fill(row, { id, name }, index, transcript) {
    const { speakers } = transcript;
    const unnamed = nameOf({ ...transcript, speakers: speakers.map((speaker) => ({ ...speaker, name: "" })) }, id);
    row.field.placeholder = unnamed;
    setAttribute(row.field, "aria-label", `Name of ${unnamed}`);
    if (row.name !== name) row.field.value = row.name = name;
    setText(row.key, `Alt+${index + 1}`);
    row.key.hidden = index >= SPEAKERS_WITH_A_KEY;
    setAttribute(row.choice, "aria-label", `${nameOf(transcript, id)} is the same as`);
    const others = speakers.filter((speaker) => speaker.id !== id);
    offerOptions(row.choice, [["", "Same as…"], ...others.map((other) => [other.id, nameOf(transcript, other.id)])]);
    row.choice.hidden = !others.length;
    row.merge.hidden = !row.choice.value;
  }

  /** Make two speakers one; the focus goes to the one who stays. */
  merge(id, other) {
    this.onMerge(id, other);
    this.rows.get(other)?.field.focus();
  }
}
