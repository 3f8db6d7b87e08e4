// A transcript that is shown: what its words, its keys and its recording do with each other.

import { make, stickBelowHeader } from "../shared/dom.js";
import { SOUND_WISHES, wish } from "./keys.js";
import { layOut, wordAt } from "./layout.js";
import { answerMediaKeys, answersOfSound, resume, tellListener } from "./listening.js";
import { Picture } from "./picture.js";
import { Follower, Playback } from "./playback.js";
import { Searching } from "./searching.js";
import { press } from "./toggle.js";
import { insertNotes, makeText } from "./view.js";

const DRAG_PIXELS = 5;

export class Reader {
  constructor({ root, find, on, signal, transcript, recording, jobId }) {
    Object.assign(this, { root, find, on, signal, recording, jobId, cursor: -1 });
    const text = layOut(transcript);
    const language = transcript.processing?.task === "translate" ? "en" : transcript.language;
    Object.assign(text, makeText(text, { language, seekable: recording !== null, speakers: transcript.speakers }));
    this.text = text;
    this.firsts = text.paragraphs.map(({ first }) => first);
    const starts = this.firsts.map((first) => text.words[first].start);
    find("text").replaceChildren(...insertNotes(transcript, text.blocks, starts));
    if (!text.words.length) find("text").append(make("p", { class: "loading" }, "Nothing was said in this recording."));
    this.listen();
    this.searching = new Searching({
      find,
      on,
      text,
      show: (word) => this.showFound(word),
      leave: () => this.focusCursor(),
    });
    this.putCursor(0);
    if (recording) this.play();
    else this.tellNoRecording();
  }

  listen() {
    const text = this.find("text");
    let down = null;
    this.on(text, "pointerdown", (event) => (down = event));
    this.on(text, "click", (event) => {
      const word = event.target.closest("[data-word]");
      const moved = down && event.detail ? Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) : 0;
      if (!word || moved > DRAG_PIXELS) return; // who drags selects text
      this.go(Number(word.dataset.word));
      this.focusCursor();
    });
    this.on(document, "keydown", (event) => this.answerKey(event));
    const onYield = () => this.setFollow(false);
    this.follower = new Follower(text, this.find("bar"), { onYield, signal: this.signal });
    this.on(this.find("follow"), "click", () => this.setFollow(press(this.find("follow"))));
    stickBelowHeader(this.root, this.signal);
  }

  play() {
    const audio = this.find("audio");
    this.picture = new Picture(audio, { find: this.find, on: this.on });
    this.playback = new Playback(audio, {
      ...this.recording,
      starts: Float64Array.from(this.text.words, (word) => word.start),
      onWord: (word, before) => this.highlight(word, before),
      onSource: (source) => this.picture.show(source),
      onRefused: () => this.explainSilence(),
      signal: this.signal,
    });
    this.on(audio, "play", () => this.setFollow(true));
    resume(audio, this.find("speed"), { jobId: this.jobId, on: this.on, signal: this.signal });
    answerMediaKeys(this.playback, { title: this.find("name").textContent, signal: this.signal });
  }

  highlight(word, before) {
    this.text.elements[before]?.classList.remove("now");
    this.text.elements[word]?.classList.add("now");
    if (word >= 0 && this.playback?.audio.paused === false) this.follower.follow(this.text.elements[word]);
  }

  setFollow(following) {
    this.follower.following = following;
    this.find("follow").setAttribute("aria-pressed", following);
    if (following && this.playback?.current >= 0) this.follower.follow(this.text.elements[this.playback.current]);
  }

  /** Say why there is no sound: the recording has been removed, or it cannot be loaded or played now. */
  async explainSilence() {
    const sentence = await this.recording.whyNot();
    if (sentence === null) this.tellNoRecording();
    else tellListener(this.find, sentence);
  }

  tellNoRecording() {
    this.playback?.close();
    this.playback = this.recording = null;
    this.putCursor(this.cursor);
    this.root.classList.add("silent");
    this.find("follow").hidden = true;
    tellListener(this.find, "The recording is no longer kept, so the text can be read but not listened to.");
  }

  go(word) {
    this.putCursor(word);
    if (!this.playback) return;
    this.playback.seek(this.text.words[word].start);
    this.setFollow(true);
  }

  /** Make *word* the one that the tab key reaches in the text. */
  putCursor(word, { focus = false } = {}) {
    const [before, now] = [this.text.elements[this.cursor], this.text.elements[word]];
    for (const name of ["tabindex", "role"]) before?.removeAttribute(name);
    if (!now) return;
    this.cursor = word;
    now.tabIndex = 0;
    if (this.recording) now.setAttribute("role", "button");
    if (!focus) return;
    this.focusCursor();
    this.follower.show(now);
  }

  /** Have the keys belong to the text, wherever it is scrolled to. */
  focusCursor() {
    this.text.elements[this.cursor]?.focus({ preventScroll: true });
  }

  /** The time of the word that is said, or was chosen. */
  get seconds() {
    const current = this.playback?.current ?? -1;
    return this.text.words[current < 0 ? this.cursor : current]?.start ?? 0;
  }

  /** Show what is said at a time; *seek* has the sound stand there too, ready to be played. */
  showTime(seconds, { seek = false } = {}) {
    const { words } = this.text;
    if (!words.length) return;
    const word = Math.max(0, wordAt(words.map(({ start }) => start), seconds));
    if (seek) this.playback?.seek(words[word].start);
    this.showFound(word);
  }

  showFound(word) {
    this.setFollow(false);
    this.putCursor(word);
    this.follower.show(this.text.elements[word]);
  }

  answerKey(event) {
    const wanted = wish(event, this.root);
    if (!wanted || (!this.playback && SOUND_WISHES.has(wanted))) return;
    const answers = {
      ...answersOfSound(this.playback, this.find("speed")),
      edit: () => this.find("edit").click(),
      previousParagraph: () => this.goParagraph(-1),
      nextParagraph: () => this.goParagraph(1),
      previousWord: () => this.putCursor(this.cursor - 1, { focus: true }),
      nextWord: () => this.putCursor(this.cursor + 1, { focus: true }),
      choose: () => this.go(this.cursor),
      search: () => this.find("query").focus(),
    };
    event.preventDefault();
    answers[wanted]();
  }

  goParagraph(direction) {
    const current = this.playback ? this.playback.current : this.cursor;
    const target = Math.min(Math.max(wordAt(this.firsts, current) + direction, 0), this.firsts.length - 1);
    if (target < 0) return;
    const isInText = this.find("text").contains(this.root.getRootNode().activeElement);
    this.go(this.firsts[target]);
    if (isInText) this.putCursor(this.firsts[target], { focus: true });
    else this.follower.show(this.text.blocks[target]);
  }

  /** Keep the bar below what covers the top of the page. */
  close() {
    this.searching.close();
    this.playback?.close();
  }
}
