// The question of a page: "Tell me when it is done".

import { make, setText } from "../shared/dom.js";
import { refusal } from "./wishes.js";

const NOT_KEPT = "The browser keeps nothing for this page, so it could not tell you.";
const AGREED = "Keep a tab of the dashboard open, on any page.";

export class TellMe {
  /** *isOn* says whether it is wished; *set* notes that, and returns whether it could. */
  constructor({ isOn, set }) {
    Object.assign(this, { isOn, set });
    this.box = make("input", { type: "checkbox" });
    this.box.addEventListener("change", () => this.#changed());
    this.said = make("span", { role: "status" });
    this.element = make(
      "p",
      { class: "tell" },
      make("label", {}, this.box, " Tell me when it is done"),
      " ",
      this.said,
    );
  }

  /** Show the present wish: another tab may have changed it. */
  show() {
    if (this.asking) return;
    this.box.checked = this.isOn();
    if (this.box.checked) setText(this.said, AGREED);
    else if (this.said.textContent === AGREED) setText(this.said, "");
  }

  async #changed() {
    const on = this.box.checked;
    this.asking = true;
    const why = on ? await refusal() : "";
    this.asking = false;
    const noted = why === "" && this.set(on);
    setText(this.said, why || (on && !noted ? NOT_KEPT : ""));
    this.show();
  }
}
