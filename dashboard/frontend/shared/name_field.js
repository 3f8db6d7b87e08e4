// A name that is changed where it stands: by a button, Enter and Escape, with the reason beside it if that fails.

import { make, setText } from "./dom.js";

export class NameField {
  /**
   * *shown* is the element that shows the name, *what* the thing that has it, and *save* is given the new name and the
   * one that stood there: it returns why it was not saved ("" if it was), and the name that stands there then.
   */
  constructor({ shown, what, save, empty = "" }) {
    Object.assign(this, { shown, save });
    this.text = "";
    this.pen = make(
      "button",
      { type: "button", class: "pen", "aria-label": `Rename the ${what}`, title: "Rename", onclick: () => this.open() },
      "✎",
    );
    this.input = make("input", {
      type: "text",
      maxlength: 200,
      "aria-label": `Name of the ${what}`,
      placeholder: empty,
    });
    this.complaint = make("p", { class: "complaint", role: "alert", hidden: true });
    this.form = make(
      "form",
      { class: "naming", hidden: true },
      this.input,
      make("button", { class: "button" }, "Save"),
      make("button", { type: "button", class: "button", onclick: () => this.close() }, "Cancel"),
      this.complaint,
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the keys of the page are not meant
      if (event.key === "Escape" && !event.isComposing) this.close();
    });
    this.element = make("div", { class: "named" }, shown, this.pen, this.form);
  }

  /** Take the name that stands there now; *text* is what is edited, which may be empty. */
  know(text) {
    if (this.form.hidden) this.text = text;
    else if (text !== this.text) this.latest = text;
  }

  open() {
    this.input.value = this.text;
    this.show(true);
    this.input.focus();
    this.input.select();
  }

  close() {
    this.text = this.latest ?? this.text;
    this.show(false);
    this.pen.focus();
  }

  show(isOpen) {
    this.latest = undefined;
    this.form.hidden = !isOpen;
    this.shown.hidden = this.pen.hidden = isOpen;
    this.complain("");
  }

  async submit() {
    const wanted = this.input.value.trim();
    if (wanted === this.text) {
      this.close();
      return;
    }
    if (this.saving) return;
    this.saving = true;
    const { refused, name } = await this.save(wanted, this.text);
    this.saving = false;
    if (name !== undefined) this.text = name;
    if (refused) this.complain(refused);
    else {
      this.latest = undefined;
      this.close();
    }
  }

  complain(sentence) {
    setText(this.complaint, sentence);
    this.complaint.hidden = !sentence;
    if (sentence) this.input.focus();
  }
}
