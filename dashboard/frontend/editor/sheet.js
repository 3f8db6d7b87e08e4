// The paragraphs of the edited text as elements, with what stands between them. What is the same is left alone, so that
// a change of one paragraph costs the same in an hour's transcript as in a minute's.

import { wordAt } from "../player/layout.js";
import { nameOf } from "../player/speakers.js";
import { makeGap, makeRemoved } from "../player/view.js";
import { arrange, make, offerOptions, scrollerOf, setAttribute, setText } from "../shared/dom.js";
import { clock } from "../shared/formats.js";
import { leaveFocus, rectangleOf } from "./caret.js";
import { speakerOf } from "./model.js";
import { startOf } from "./timeline.js";

const CHARACTERS_PER_LINE = 70;
export const NEW_SPEAKER = "new";

/** Return the id of the paragraph that an element is part of; not a number outside of all. */
export const idAt = (element) => Number(element.closest("[data-paragraph]")?.dataset.paragraph ?? NaN);

export class Sheet {
  constructor(container, bar, { marks, hasSound, language, notes, onInsert }) {
    Object.assign(this, { container, bar, marks, hasSound, language, drawn: new Map(), ids: "" });
    const makers = { gap: makeGap, removed: makeRemoved };
    this.watch();
    this.notes = notes.map((note) => ({ ...note, element: noteElement(makers[note.kind](note), note, onInsert) }));
  }

  /** Mark doubtful words where they can be seen: marks cost at every key press, however far away they are. */
  watch() {
    this.scroller = scrollerOf(this.container);
    const options = { root: this.scroller, rootMargin: "50% 0px" };
    this.watcher = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const drawn = this.drawn.get(Number(target.dataset.paragraph));
        if (!drawn) continue;
        drawn.isNear = isIntersecting;
        this.mark(drawn);
      }
    }, options);
  }

  mark({ paragraph, text, isNear }) {
    if (isNear) this.marks.markDoubts(paragraph, text);
    else this.marks.forget(paragraph.id);
  }

  close() {
    this.watcher.disconnect();
  }

  /** Show a transcript. */
  show(transcript) {
    const isRenamed = this.speakers !== transcript.speakers;
    this.speakers = transcript.speakers;
    this.paragraphs = transcript.paragraphs;
    const gone = new Set(this.drawn.keys());
    for (const paragraph of transcript.paragraphs) {
      gone.delete(paragraph.id);
      const before = this.drawn.get(paragraph.id);
      if (!before) this.drawn.set(paragraph.id, this.made(paragraph));
      if (before?.paragraph !== paragraph || isRenamed) this.draw(paragraph, transcript);
    }
    for (const id of gone) {
      this.watcher.unobserve(this.blockOf(id));
      this.marks.forget(id);
      this.drawn.delete(id);
    }
    this.order(transcript.paragraphs);
  }

  textOf(id) {
    return this.drawn.get(id)?.text ?? null;
  }

  textAt(index) {
    return this.textOf(this.paragraphs[index]?.id);
  }

  /** Return the text so many paragraphs on, or back; infinitely far is the first or last. */
  neighbour(id, distance) {
    const wanted = this.paragraphs.findIndex((paragraph) => paragraph.id === id) + distance;
    const { length } = this.paragraphs;
    return this.textAt(Number.isFinite(distance) ? wanted : Math.min(Math.max(wanted, 0), length - 1));
  }

  /** Scroll to a part of a text unless it is in view. */
  reveal(text, from, to = from) {
    const { top, bottom } = rectangleOf(text, from, to);
    const isInView = top >= this.bar.getBoundingClientRect().bottom && bottom <= innerHeight;
    if (isInView && text.checkVisibility({ contentVisibilityAuto: true })) return;
    text.scrollIntoView({ block: "nearest" }); // far away, only then is it known how high the text is
    const ceiling = this.bar.getBoundingClientRect().bottom;
    this.scroller.scrollBy({ top: rectangleOf(text, from, to).top - ceiling - (innerHeight - ceiling) / 3 });
  }

  blockOf(id) {
    return this.drawn.get(id)?.block ?? null;
  }

  /** Have the tab key reach this paragraph, and no other. */
  putStop(id) {
    const before = this.textOf(this.stop);
    if (before) before.tabIndex = -1;
    this.stop = id;
    const now = this.textOf(id);
    if (now) now.tabIndex = 0;
  }

  made({ id, words, source, heading }) {
    const type = this.hasSound ? "button" : null;
    const time = make(this.hasSound ? "button" : "span", { class: "time", type, onmousedown: leaveFocus });
    if (this.hasSound) time.tabIndex = -1;
    const speaker = make("select", { class: "speaker", tabindex: -1, "aria-label": "Speaker", hidden: true });
    const text = make("p", {
      class: heading ? "words heading" : "words",
      role: "textbox",
      "aria-multiline": "true",
      tabindex: -1,
      dir: "auto",
      spellcheck: "true",
      lang: (words[0] ?? source[0])?.language ?? this.language,
    });
    try {
      text.contentEditable = "plaintext-only";
    } catch {
      text.contentEditable = "true"; // whatever is not plain text is refused when it is typed
    }
    text.append("");
    const block = make("div", { class: "paragraph edited" }, time, make("div", {}, speaker, text));
    block.dataset.paragraph = id;
    this.watcher.observe(block);
    return { block, time, speaker, text, paragraph: null, isNear: false };
  }

  draw(paragraph, transcript) {
    const { block, time, speaker, text } = this.drawn.get(paragraph.id);
    this.drawn.get(paragraph.id).paragraph = paragraph;
    if (text.textContent !== paragraph.text || text.childNodes.length !== 1) text.replaceChildren(paragraph.text);
    if (!text.firstChild) text.append(document.createTextNode(""));
    const start = startOf(paragraph);
    setText(time, start === null ? "" : clock(start));
    if (this.hasSound && start !== null) setAttribute(time, "aria-label", `Play from ${clock(start)}`);
    time.hidden = start === null;
    this.offerSpeakers(speaker, paragraph, transcript);
    const name = transcript.speakers.length ? `, ${nameOf(transcript, speakerOf(paragraph))}` : "";
    setAttribute(text, "aria-label", `Paragraph at ${clock(start ?? 0)}${name}`);
    block.style.setProperty("--lines", Math.max(1, Math.ceil(paragraph.text.length / CHARACTERS_PER_LINE)));
    this.mark(this.drawn.get(paragraph.id));
  }

  offerSpeakers(select, paragraph, transcript) {
    select.hidden = !transcript.speakers.length;
    if (select.hidden) return;
    const current = speakerOf(paragraph) ?? "";
    const options = transcript.speakers.map(({ id }) => [id, nameOf(transcript, id)]);
    if (!transcript.speakers.some(({ id }) => id === current)) {
      options.unshift([current, nameOf(transcript, current || null)]);
    }
    options.push([NEW_SPEAKER, "New speaker"]);
    offerOptions(select, options);
    select.value = current;
  }

  /** Put paragraphs and notes in order. */
  order(paragraphs) {
    const ids = paragraphs.map(({ id }) => id).join();
    if (ids === this.ids) return;
    this.ids = ids;
    arrange(this.container, this.ordered(paragraphs));
  }

  /** Return the paragraphs with the notes behind those in which they begin; a stretch that has words needs none. */
  ordered(paragraphs) {
    let latest = 0;
    const starts = paragraphs.map((paragraph) => latest = Math.max(latest, startOf(paragraph) ?? latest));
    const firsts = new Set(paragraphs.map(({ source }) => source[0]?.start));
    const after = new Map();
    for (const { start, element } of this.notes) {
      if (firsts.has(start)) continue;
      const index = wordAt(starts, start);
      after.set(index, [...(after.get(index) ?? []), element]);
    }
    const blocks = paragraphs.map(({ id }) => this.blockOf(id));
    return [-1, ...blocks.keys()].flatMap((index) => [
      ...(index < 0 ? [] : [blocks[index]]),
      ...(after.get(index) ?? []),
    ]);
  }
}

function noteElement(element, note, onInsert) {
  const label = note.kind === "gap" ? "Write what is said here" : "Put it back";
  const button = make("button", { class: "button insert", type: "button", onclick: () => onInsert(note) }, label);
  element.querySelector(".words").append(" ", button);
  return element;
}
