// Keys and clicks in the edited text that go somewhere: to a word of the recording, to the next doubtful word.

import { selectedIn } from "./caret.js";
import { SOUND_WISHES, wish } from "./keys.js";
import { idAt } from "./sheet.js";
import { nextDoubtful, wordAtOffset } from "./timeline.js";

export class Steering {
  constructor(editor) {
    this.editor = editor;
    const { find, on, root } = editor;
    on(root, "keydown", (event) => this.answerKey(event));
    // Nothing has the focus, or the page around: the keys are the editor's.
    on(document, "keydown", (event) => event.target.contains(root.getRootNode().host) && this.answerKey(event));
    on(find("text"), "click", (event) => this.answerClick(event));
  }

  answerKey(event) {
    const asked = event.defaultPrevented ? null : wish(event);
    const target = event.composedPath()[0];
    // What is typed is no key of the page around.
    if (target.matches?.("input, textarea, select, [role=textbox]")) event.stopPropagation();
    if (!asked || !this.canAnswer(asked)) return;
    event.preventDefault();
    if (target.matches?.(".speakers input")) target.dispatchEvent(new Event("change")); // a name that is being typed counts
    this.editor.speakerChoice.confirm();
    this.answer(asked);
  }

  /** Tell if there is what a key is for; otherwise it may write a sign, as Alt and a digit do on some keyboards. */
  canAnswer({ name, number }) {
    if (SOUND_WISHES.has(name)) return this.editor.sounding !== null;
    return name !== "speaker" || number <= this.editor.session.transcript.speakers.length;
  }

  answer({ name, number }) {
    const { editor } = this;
    const answers = {
      save: () => editor.saving.save(),
      saveWithNote: () => editor.saving.save({ withNote: true }),
      find: () => editor.openFindBar(),
      undo: () => editor.undo(),
      redo: () => editor.redo(),
      nextDoubt: () => this.goDoubt(1),
      previousDoubt: () => this.goDoubt(-1),
      confirm: () => this.confirm(),
      playHere: () => this.playHere(),
      speaker: () => this.giveSpeaker(number),
    };
    if (answers[name]) answers[name]();
    else editor.sounding.answer(name);
  }

  /** Return where the caret is: the index of its paragraph and the offsets in its text. */
  place() {
    const { sheet, session } = this.editor;
    const text = sheet.textOf(sheet.stop);
    const at = text ? selectedIn(text) : null;
    return {
      index: Math.max(0, session.indexOf(sheet.stop)),
      from: at?.from ?? 0,
      to: at?.to ?? 0,
      isInText: at !== null,
    };
  }

  /** The time of the word with the caret. */
  get seconds() {
    const { index, from } = this.place();
    const paragraph = this.editor.session.transcript.paragraphs[index];
    return paragraph?.words[wordAtOffset(paragraph, from)]?.start ?? null;
  }

  goDoubt(direction) {
    const { editor } = this;
    const { index, from, to, isInText } = this.place();
    const offset = direction > 0 ? (from === to && isInText ? from : to) - (isInText ? 0 : 1) : from;
    const found = nextDoubtful(editor.session.transcript, { index, offset }, direction);
    if (!found) return;
    editor.selectPlace(found);
    this.play(found.index, found.from);
  }

  /** Doubt the word at the caret no more, and go on to the next one. */
  confirm() {
    const { index, from } = this.place();
    this.editor.done(() => this.editor.session.confirmWord(index, from));
    this.goDoubt(1);
  }

  playHere() {
    const { index, from } = this.place();
    this.play(index, from);
  }

  play(index, offset, options = { plays: true }) {
    const paragraph = this.editor.session.transcript.paragraphs[index];
    if (paragraph) this.editor.sounding?.seek(paragraph, wordAtOffset(paragraph, offset), options);
  }

  /** Give the paragraph with the caret to the speaker with this number in the list. */
  giveSpeaker(number) {
    const { session, sheet } = this.editor;
    const speaker = session.transcript.speakers[number - 1];
    if (sheet.stop) this.editor.done(() => session.assign([sheet.stop], speaker.id));
  }

  /** A click in the text takes a recording that rests along; with Alt it plays from there, whatever it does now. */
  answerClick(event) {
    const time = event.target.closest(".time");
    const index = this.editor.session.indexOf(idAt(event.target));
    if (index < 0 || !this.editor.sounding) return;
    if (time) return this.play(index, 0);
    if (!event.target.closest("[role=textbox]")) return;
    const at = selectedIn(event.target.closest("[role=textbox]"));
    if (!at || at.from !== at.to) return;
    const plays = event.altKey || event.metaKey || event.ctrlKey;
    if (plays || this.editor.sounding.isPaused) this.play(index, at.from, { plays });
  }
}
