// Asks a person before something is done that can't be taken back.

class Question {
  constructor() {
    this.title = make("h2", { id: "question-title" })
    this.text = make("p", { id: "question-text" })
    this.no = make("button", { type: "button", class: "button", onclick: () => this.element.close() })
    this.yes = make("button", { type: "button", class: "button danger", onclick: () => this.answerYes() })
    this.element = make(
      "dialog",
      { "aria-labelledby": "question-title", "aria-describedby": "question-text" },
      this.title,
      this.text,
      make("div", { class: "buttons" }, this.no, this.yes),
    )
  }

  /** Ask, and call *onYes* if the answer is yes. The focus starts on no. */
  ask({ title, text, yes, no }, onYes) {
    setText(this.title, title)
    setText(this.text, text)
    setText(this.yes, yes)
    setText(this.no, no)
    this.onYes = onYes
    this.element.showModal()
    this.no.focus()
  }

  answerYes() {
    this.element.close()
    this.onYes()
  }
}
