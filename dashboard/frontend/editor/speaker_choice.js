// Whom a paragraph is given to, chosen in the list above it. A choice with the pointer counts at once. One with the arrow
// keys, which change it at every press, counts when it is confirmed: by Enter, or by going elsewhere.

export class SpeakerChoice {
  /** *choose* is given the list in which a speaker was chosen, *leave* the one that is done with. */
  constructor(container, { on, choose, leave }) {
    Object.assign(this, { choose, leave, isStepping: false, pending: null });
    const listen = (name, listener) =>
      on(container, name, (event) => event.target.matches?.("select.speaker") && listener(event));
    listen("pointerdown", () => (this.isStepping = false));
    listen("keydown", (event) => this.answerKey(event));
    listen("change", ({ target }) => this.changed(target));
    listen("focusout", () => {
      this.confirm();
      this.isStepping = false;
    });
  }

  answerKey(event) {
    const { key, altKey, target } = event;
    if (this.pending && (key === "Enter" || key === "Escape")) {
      event.preventDefault();
      if (key === "Escape") this.takeBack();
      this.confirm();
      this.leave(target);
    } else {
      this.isStepping = key !== " " && !altKey; // these open the list, in which arrow keys change nothing yet
      if (!this.pending) this.before = target.value;
    }
  }

  changed(select) {
    this.pending = select;
    if (this.isStepping) return;
    this.confirm();
    this.leave(select);
  }

  takeBack() {
    this.pending.value = this.before;
    this.pending = null;
  }

  /** Have a choice that was made with the arrow keys count. */
  confirm() {
    const select = this.pending;
    this.pending = null;
    if (select) this.choose(select);
  }
}
