// The row of buttons above the edited text, and the line that says what became of the changes.

import { make, setText } from "../shared/dom.js";
import { number } from "../shared/formats.js";
import { leaveFocus } from "./caret.js";

const ARROW = "M8 7h6.5a5 5 0 0 1 0 10H11v-1.5h3.5a3.5 3.5 0 0 0 0-7H8v3.25L3 7.75 8 3.75Z";
const TICK = "m9.5 17.5-5-5L5.6 11.4l3.9 3.9 8.9-8.9 1.1 1.1Z";

export const CLOSE = { Close: () => {} };

export class Bar {
  /** *answers* has what each button does, and `goBack`, which gives the focus to the text. */
  constructor(container, tools, answers) {
    this.goBack = answers.goBack;
    const button = (name, label, title, isPrimary = false) =>
      make("button", {
        class: isPrimary ? "button primary" : "button",
        type: "button",
        title,
        onclick: () => answers[name](),
        "data-action": name,
      }, label);
    const icon = (name, d, title) => {
      const made = button(
        name,
        make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d })),
        title,
      );
      made.className = `icon ${name}`;
      made.setAttribute("aria-label", title.split(" (")[0]);
      return made;
    };
    this.undo = icon("undo", ARROW, "Undo (Ctrl+Z)");
    this.redo = icon("redo", ARROW, "Redo (Ctrl+Shift+Z)");
    this.doubts = button(
      "nextDoubt",
      "Next uncertain word",
      "Select the next word that the model was not sure of, and play it (F8)",
    );
    this.confirm = icon("confirm", TICK, "This word is right, go on (F9)");
    this.find = button("find", "Find", "Find and replace (Ctrl+F)");
    this.save = button("save", "Save", "Save a revision (Ctrl+S)", true);
    this.note = button("saveWithNote", "With a note…", "Save a revision with a note (Ctrl+Shift+S)");
    this.done = button("done", "Done", "Back to reading");
    this.state = make("p", { class: "edit-state", role: "status" });
    this.element = make(
      "div",
      { class: "edit-tools", role: "toolbar", "aria-label": "Editing", onmousedown: leaveFocus },
      this.undo,
      this.redo,
      this.find,
      this.doubts,
      this.confirm,
      make("span", { class: "spring" }),
      this.save,
      this.note,
      this.done,
    );
    this.question = make("div", { class: "question", role: "alert", hidden: true, onmousedown: leaveFocus });
    tools.append(this.element);
    container.append(this.state, this.question);
  }

  show({ canUndo, canRedo, isDirty, isSaving, doubtful, state }) {
    const focused = this.element.getRootNode().activeElement;
    this.undo.disabled = !canUndo;
    this.redo.disabled = !canRedo;
    for (const button of [this.save, this.note]) button.disabled = !isDirty || isSaving;
    setText(this.save, isSaving ? "Saving…" : "Save");
    setText(this.doubts, doubtful ? `Next uncertain (${number(doubtful)})` : "None uncertain");
    this.doubts.disabled = this.confirm.disabled = !doubtful;
    setText(this.state, state);
    if (this.element.contains(focused) && focused.disabled) this.goBack();
  }

  /**
   * Say something, with buttons for what can be done about it; it stays until one of them is pressed.
   *
   * Returns what `settle` takes to end this question and no other.
   */
  ask(sentence, answers = CLOSE) {
    const buttons = Object.entries(answers).map(([label, answer]) =>
      make("button", {
        class: "button",
        type: "button",
        onclick: () => {
          this.settle();
          answer();
        },
      }, label)
    );
    this.settle();
    const asked = make("p", {}, sentence);
    this.question.replaceChildren(asked, make("div", { class: "actions" }, ...buttons));
    this.question.hidden = false;
    return asked;
  }

  settle(asked = this.question.firstChild) {
    if (!asked || asked !== this.question.firstChild) return;
    const hadFocus = this.question.contains(this.question.getRootNode().activeElement);
    this.question.hidden = true;
    this.question.replaceChildren();
    if (hadFocus) this.goBack();
  }
}
