// What is typed into the paragraphs: text is read back from the browser; what divides or joins paragraphs is done here.

import { lineAt, offsetNear, select, selectedIn } from "./caret.js";
import { idAt } from "./sheet.js";

const DELETES_BACK = new Set(["deleteContentBackward", "deleteWordBackward", "deleteSoftLineBackward"]);
const DELETES_ON = new Set(["deleteContentForward", "deleteWordForward", "deleteSoftLineForward"]);
const BREAKS = new Set(["insertParagraph", "insertLineBreak"]);
const PASTES = new Set(["insertFromPaste", "insertFromDrop", "insertFromYank"]);
const ENDS_A_WORD = /[\s.,!?;:]$/;

export class Typing {
  /** *edit* has what can be done to paragraphs: type, split, join, undo, redo; *neighbour* finds the next text. */
  constructor(container, { on, edit, neighbour, onFocus }) {
    Object.assign(this, { edit, neighbour });
    const listen = (name, listener) =>
      on(container, name, (event) => {
        const text = event.target.closest?.("[role=textbox]");
        if (text) listener(event, text, idAt(text));
      });
    listen("beforeinput", (event, text, id) => this.prepare(event, text, id));
    listen("input", (event, text, id) => this.read(event, text, id));
    listen("compositionend", (event, text, id) => this.read(event, text, id));
    listen("keydown", (event, text, id) => this.moveOut(event, text, id));
    listen("focusin", (_, __, id) => onFocus(id));
    listen("focusout", (_, text, id) => (this.left = { id, ...selectedIn(text) }));
  }

  /** Go back to the text of a paragraph: to where the caret was, if it was there last. */
  goBack(text, id) {
    const { from = 0, to = from } = this.left?.id === id ? this.left : {};
    select(text, from, to);
  }

  prepare(event, text, id) {
    const { inputType } = event;
    const at = selectedIn(text);
    this.before = at && { id, offset: at.from };
    if (inputType.startsWith("format")) return event.preventDefault();
    if (inputType === "historyUndo" || inputType === "historyRedo") {
      event.preventDefault();
      return inputType === "historyUndo" ? this.edit.undo() : this.edit.redo();
    }
    if (!at || event.isComposing) return;
    if (BREAKS.has(inputType)) {
      event.preventDefault();
      this.edit.split(id, at);
    } else if (PASTES.has(inputType)) {
      event.preventDefault();
      const pasted = event.dataTransfer?.getData("text/plain") ?? event.data ?? "";
      this.edit.write(id, at, pasted.replace(/\s+/g, " "));
    } else if (at.from === at.to) this.joinAtEdge(event, text, id, at.from);
  }

  joinAtEdge(event, text, id, offset) {
    const isBack = DELETES_BACK.has(event.inputType) && offset === 0;
    const isOn = DELETES_ON.has(event.inputType) && offset === text.textContent.length;
    if (!isBack && !isOn) return;
    event.preventDefault();
    if (isBack) this.edit.join(id);
    else this.edit.joinNext(id);
  }

  /** Read what the browser has made of a key press. */
  read(event, text, id) {
    const { inputType = "", data } = event;
    const at = selectedIn(text)?.from ?? 0;
    const isPlain = text.childNodes.length === 1 && text.firstChild.nodeType === Node.TEXT_NODE;
    if (!isPlain && !event.isComposing) {
      text.replaceChildren(document.createTextNode(text.textContent.replace(/\n/g, " ")));
      select(text, at);
    }
    const run = `${inputType.startsWith("delete") ? "deleting" : "typing"} in ${id}`;
    this.edit.type(id, text.textContent, { place: this.before, run, stop: ENDS_A_WORD.test(data ?? "") });
  }

  /** Go on with the arrow keys where a paragraph ends. */
  moveOut(event, text, id) {
    if (event.shiftKey || event.altKey || event.isComposing) return;
    const at = selectedIn(text);
    if (!at || at.from !== at.to) return;
    const goal = this.goalOf(event, text, id, at.from);
    if (!goal) return;
    event.preventDefault();
    select(goal.text, goal.offset);
    goal.text.scrollIntoView({ block: "nearest" });
  }

  goalOf({ key, ctrlKey, metaKey }, text, id, offset) {
    if (ctrlKey || metaKey) {
      const direction = { Home: -Infinity, End: Infinity }[key];
      const far = direction && this.neighbour(id, direction);
      return far ? { text: far, offset: direction < 0 ? 0 : far.textContent.length } : null;
    }
    const { length } = text.textContent;
    const on = getComputedStyle(text).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const isOn = key === on || key === "ArrowDown";
    if (!isOn && !["ArrowLeft", "ArrowRight", "ArrowUp"].includes(key)) return null;
    const next = this.neighbour(id, isOn ? 1 : -1);
    if (!next) return null;
    if (key === "ArrowUp" || key === "ArrowDown") {
      const line = lineAt(text, offset);
      if (isOn ? !line.isLast : !line.isFirst) return null;
      return { text: next, offset: offsetNear(next, line.left, { last: !isOn }) };
    }
    if (offset !== (isOn ? length : 0)) return null;
    return { text: next, offset: isOn ? 0 : next.textContent.length };
  }
}
