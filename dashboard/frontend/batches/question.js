// Asks a person before something is done that can't be taken back.

import { make, setText } from "../shared/dom.js";

export class Question {
  constructor() {
    this.title = make("h2", { id: "question-title" });
    this.text = make("p", { id: "question-text" });
    this.choice = make("input", { type: "checkbox" });
    this.choiceText = make("span");
    this.choiceLabel = make("label", { class: "choice", hidden: true }, this.choice, " ", this.choiceText);
    this.no = make("button", { type: "button", class: "button", onclick: () => this.element.close() });
    this.yes = make("button", { type: "button", class: "button danger", onclick: () => this.answerYes() });
    this.element = make(
      "dialog",
      { "aria-labelledby": "question-title", "aria-describedby": "question-text" },
      this.title,
      this.text,
      this.choiceLabel,
      make("div", { class: "buttons" }, this.no, this.yes),
    );
  }

  /** Ask, and call *onYes* if the answer is yes, with whether the *choice* was taken. The focus starts on no. */
  ask({ title, text, yes, no, choice = "" }, onYes) {
    this.choice.checked = false;
    this.choiceLabel.hidden = !choice;
    setText(this.choiceText, choice);
    setText(this.title, title);
    setText(this.text, text);
    setText(this.yes, yes);
    setText(this.no, no);
    this.onYes = onYes;
    this.element.showModal();
    this.no.focus();
  }

  answerYes() {
    this.element.close();
    this.onYes(this.choice.checked);
  }
}
