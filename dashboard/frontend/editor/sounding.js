// The recording while text is edited: it steps back when it is paused, and marks the word that is said without touching
// the caret.

import { answerMediaKeys, answersOfSound, resume } from "../player/listening.js";
import { Picture } from "../player/picture.js";
import { Follower, Playback } from "../player/playback.js";
import { press } from "../player/toggle.js";
import { rectangleOf } from "./caret.js";
import { startsOf, timelineOf } from "./timeline.js";

export const NO_RECORDING = "The recording is no longer kept, so the text can be edited but not listened to.";

export class Sounding {
  /** *spanOf* finds the element and the range of a word of the timeline. */
  constructor({ find, on, signal, recording, jobId, stepBackSeconds, mark, spanOf, onSilence }) {
    Object.assign(this, { find, on, mark, spanOf, onSilence, stepBackSeconds, words: [] });
    const audio = find("audio");
    this.audio = audio;
    this.picture = new Picture(audio, { find, on });
    this.playback = new Playback(audio, {
      ...recording,
      starts: new Float64Array(),
      onWord: () => this.markSaid(),
      onSource: (source) => this.picture.show(source),
      onRefused: async () => onSilence((await recording.whyNot()) ?? NO_RECORDING),
      signal,
    });
    this.follower = new Follower(find("text"), find("bar"), { onYield: () => this.follow(false), signal });
    on(find("follow"), "click", () => this.follow(press(find("follow"))));
    on(audio, "play", () => this.follow(true));
    this.follow(true);
    resume(audio, find("speed"), { jobId, on, signal });
    // Later than what keeps the place, so that a reload goes on where the pause was.
    on(audio, "pause", () => audio.ended || this.playback.step(-1, stepBackSeconds()));
    answerMediaKeys(this.playback, { title: find("name").textContent, signal });
  }

  /** Take note of another text. */
  setTranscript(transcript) {
    const { words, starts } = timelineOf(transcript);
    this.words = words;
    this.playback.starts = starts;
    this.playback.current = -1;
    this.playback.look();
  }

  markSaid() {
    const word = this.words[this.playback.current];
    const place = word && this.spanOf(word);
    if (!place) return this.mark(null);
    const { element, span } = place;
    this.mark(element, span);
    if (this.audio.paused) return;
    this.follower.follow({
      getBoundingClientRect: () => rectangleOf(element, ...span),
      scrollIntoView: (options) => element.scrollIntoView(options),
    });
  }

  follow(following) {
    this.follower.following = following;
    this.find("follow").setAttribute("aria-pressed", following);
    if (following) this.markSaid();
  }

  get isPaused() {
    return this.audio.paused;
  }

  /** Go to a word of a paragraph. */
  seek({ words }, index, { plays = false } = {}) {
    const known = words[index]?.start ?? startsOf(words)[index];
    if (known === undefined) return;
    this.playback.seek(known);
    if (plays) this.playback.start();
  }

  answer(wish) {
    answersOfSound(this.playback, this.find("speed"))[wish]?.();
  }

  close() {
    this.playback.close();
  }
}
