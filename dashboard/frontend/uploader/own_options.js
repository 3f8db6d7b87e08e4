// The options of single files: which files are selected, and the dialog that asks for what they have differently.

import { counted } from "../shared/formats.js";
import { shownName } from "../shared/names.js";
import { isOpenToChoice } from "./queue.js";

const AS_BATCH = "";
const UNCHANGED = "unchanged"; // several files have several values

export class OwnOptions {
  constructor(root, find, upload, form) {
    Object.assign(this, { root, find, upload, form });
    find("pick-all").onchange = ({ target }) => this.pick(this.#open, target.checked);
    find("own-of-picked").onclick = () => this.ask(this.#picked);
  }

  pick(items, picked) {
    this.upload.queue.pick(items, picked);
    this.upload.notify();
  }

  // Asks for the options of these files in front of the page.
  ask(items) {
    const dialog = this.find("own-options").content.firstElementChild.cloneNode(true);
    const { length } = items;
    dialog.querySelector("h2").textContent = `Options of ${
      length > 1 ? counted(length, "file") : shownName(items[0].path)
    }`;
    for (const select of dialog.querySelectorAll("select")) this.#offer(select, items);
    dialog.querySelector("[type=button]").onclick = () => dialog.close("");
    dialog.onclose = () => {
      if (dialog.returnValue) this.upload.choose(items, chosenIn(dialog));
      dialog.remove();
    };
    this.root.querySelector(".uploader").append(dialog);
    dialog.showModal();
  }

  // Offers what the form offers for all files.
  #offer(select, items) {
    const { options } = this.form.fields[select.name === "audio_stream" ? "stream" : select.name];
    const known = [...options].filter(({ value }) => value !== "other");
    select.append(new Option("As for the batch", AS_BATCH), ...known.map(({ text, value }) => new Option(text, value)));
    const values = new Set(items.map((item) => String(item.options[select.name] ?? AS_BATCH)));
    if (values.size > 1) select.prepend(new Option("As they are", UNCHANGED));
    select.value = values.size > 1 ? UNCHANGED : [...values][0];
  }

  paint() {
    const [open, picked] = [this.#open, this.#picked];
    this.find("pick-line").hidden = open.length < 2;
    this.find("pick-all").checked = open.length > 0 && picked.length === open.length; // none is not all
    this.find("pick-all").indeterminate = picked.length > 0 && picked.length < open.length;
    this.find("own-of-picked").hidden = !picked.length;
    this.find("own-of-picked").textContent = `Options of ${counted(picked.length, "file")}…`;
  }

  get #open() {
    return [...this.upload.queue.items].filter(isOpenToChoice);
  }

  get #picked() {
    return this.#open.filter((item) => item.picked);
  }
}

// What is chosen in the dialog; undefined is as for the batch, and what is not to change is missing.
function chosenIn(dialog) {
  const chosen = {};
  for (const { name, value } of dialog.querySelectorAll("select")) {
    if (dialog.returnValue === "reset" || value === AS_BATCH) chosen[name] = undefined;
    else if (value !== UNCHANGED) chosen[name] = /^\d+$/.test(value) ? Number(value) : value;
  }
  return chosen;
}
