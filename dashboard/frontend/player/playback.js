// The recording, the word that is spoken, and the page that follows it.

import { scrollerOf } from "../shared/dom.js";
import { wordAt } from "./layout.js";

const STEP_SECONDS = 5;
export const FINE_STEP_SECONDS = 1;
// A word's own start can come out a hair before it, since players keep times in units of their own.
const HAIR_SECONDS = 0.001;
const SCROLL_KEYS = ["PageUp", "PageDown", "Home", "End"];

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * Plays a recording and tells which word is spoken.
 *
 * Words are timed from the start of the upload, and so is a video, the recording from its own: the offset of each source
 * lies between them. Those that the browser cannot play are followed by the next.
 */
export class Playback {
  constructor(audio, { sources, starts, onWord, onSource, onRefused, signal }) {
    Object.assign(this, { audio, starts, onWord, onSource });
    this.others = [...sources];
    this.current = -1;
    this.frame = 0;
    const listen = (name, listener) => audio.addEventListener(name, listener, { signal });
    listen("play", () => this.watch());
    listen("seeking", () => this.look());
    listen("pause", () => this.look());
    listen("error", () => this.others.length ? this.goOn() : onRefused());
    this.load();
  }

  /** Play the next form of the recording, from where the one before broke off. */
  goOn() {
    const { seconds } = this;
    const { paused, playbackRate } = this.audio;
    this.load();
    Object.assign(this.audio, { currentTime: Math.max(0, seconds - this.offset), playbackRate });
    if (!paused) this.start();
  }

  load() {
    this.source = this.others.shift();
    this.offset = this.source.offset;
    this.audio.src = this.source.url;
    this.onSource?.(this.source);
  }

  /** The time on the upload's clock. */
  get seconds() {
    return this.audio.currentTime + this.offset;
  }

  seek(seconds) {
    this.goTo(seconds - this.offset + HAIR_SECONDS);
  }

  step(direction, seconds = STEP_SECONDS) {
    this.goTo(this.audio.currentTime + direction * seconds);
  }

  /** Go to a time on the recording's own clock: its word is shown at once, even if the sound has yet to come. */
  goTo(time) {
    this.audio.currentTime = Math.max(0, time);
    this.look();
  }

  toggle() {
    if (this.audio.paused) this.start();
    else this.audio.pause();
  }

  start() {
    this.audio.play().catch(() => {}); // what keeps it from playing is told by its error event
  }

  watch() {
    cancelAnimationFrame(this.frame);
    this.look();
    if (!this.audio.paused) this.frame = requestAnimationFrame(() => this.watch());
  }

  look() {
    const word = wordAt(this.starts, this.seconds);
    if (word === this.current) return;
    const before = this.current;
    this.current = word;
    this.onWord(word, before);
  }

  /** Stop, and let go of the recording, so that nothing is loaded for a page that is left. */
  close() {
    cancelAnimationFrame(this.frame);
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }
}

/** Keeps an element in view while it plays, until the reader scrolls elsewhere. */
export class Follower {
  constructor(text, bar, { onYield, signal }) {
    this.scroller = scrollerOf(text);
    this.bar = bar;
    this.following = true;
    const leave = () => {
      if (this.following) onYield();
      this.following = false;
    };
    const options = { passive: true, signal };
    this.scroller.addEventListener("wheel", leave, options);
    this.scroller.addEventListener("touchmove", leave, options);
    this.scroller.addEventListener("pointerdown", (event) => event.target === this.scroller && leave(), options); // its bar
    document.addEventListener("keydown", (event) => SCROLL_KEYS.includes(event.key) && leave(), options);
  }

  /** Scroll only if the element is outside of the part of the page that is comfortable to read in. */
  follow(element) {
    if (!this.following) return;
    const { top, bottom } = element.getBoundingClientRect();
    const [ceiling, floor] = this.view();
    if (top < ceiling || bottom > floor - (floor - ceiling) / 4) this.show(element);
  }

  show(element) {
    const { top } = element.getBoundingClientRect();
    const [ceiling, floor] = this.view();
    const height = floor - ceiling;
    const isNear = top > ceiling - height && top < floor + height;
    // Paragraphs that were never seen have an estimated height: over a long way only the browser finds the right place.
    if (isNear) this.scroller.scrollBy({ top: top - ceiling - height / 4, behavior: calm() ? "auto" : "smooth" });
    else element.scrollIntoView({ block: "center" });
  }

  view() {
    const { bottom } = this.scroller.getBoundingClientRect();
    return [this.bar.getBoundingClientRect().bottom, Math.min(bottom, innerHeight)];
  }
}
