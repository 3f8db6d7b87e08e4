// What a listener is used to: the place where they were, the speed that they like, and the keys on their keyboard.

import { keepPlace, keepSpeed, placeIn, speedKept } from "./bookmarks.js";
import { FINE_STEP_SECONDS } from "./playback.js";

const SECONDS_BETWEEN_NOTES = 5;
const MEDIA_KEYS = {
  play: (playback) => playback.start(),
  pause: (playback) => playback.audio.pause(),
  seekbackward: (playback) => playback.step(-1),
  seekforward: (playback) => playback.step(1),
  previoustrack: (playback) => playback.step(-1),
  nexttrack: (playback) => playback.step(1),
};

/** Go on where this recording was left, as fast as recordings were played last, and keep both from now on. */
export function resume(audio, speed, { jobId, on, signal }) {
  const setSpeed = (wanted) => {
    speed.value = String(wanted);
    if (speed.selectedIndex < 0) speed.value = "1"; // kept by another version
    audio.defaultPlaybackRate = audio.playbackRate = Number(speed.value);
  };
  setSpeed(speedKept());
  on(speed, "change", () => {
    setSpeed(speed.value);
    keepSpeed(Number(speed.value));
  });
  const left = placeIn(jobId);
  if (left) audio.currentTime = left;
  const keep = () => audio.readyState && keepPlace(jobId, audio.ended ? 0 : audio.currentTime);
  for (const event of ["pause", "seeked", "ended"]) on(audio, event, keep);
  signal.addEventListener("abort", keep);
  let kept = 0;
  on(audio, "timeupdate", () => {
    if (Math.abs(audio.currentTime - kept) < SECONDS_BETWEEN_NOTES) return;
    kept = audio.currentTime;
    keep();
  });
}

/** Say why there is no sound, or not all there could be. */
export function tellListener(find, sentence) {
  find("sound-notice").textContent = sentence;
  find("sound-notice").hidden = !sentence;
}

/** Choose the next slower (-1) or faster (1) speed. */
function changeSpeed(speed, direction) {
  const wanted = speed.selectedIndex + direction;
  if (wanted < 0 || wanted >= speed.options.length) return;
  speed.selectedIndex = wanted;
  speed.dispatchEvent(new Event("change"));
}

/** Have the media keys of keyboards, headsets and pedals steer the recording, until the listener leaves. */
export function answerMediaKeys(playback, { title, signal }) {
  const session = navigator.mediaSession;
  if (!session || !globalThis.MediaMetadata) return;
  session.metadata = new MediaMetadata({ title });
  for (const [action, answer] of Object.entries(MEDIA_KEYS)) session.setActionHandler(action, () => answer(playback));
  signal.addEventListener("abort", () => {
    session.metadata = null;
    for (const action of Object.keys(MEDIA_KEYS)) session.setActionHandler(action, null);
  });
}

/** Return what is done on each wish about the sound; only called while there is one to play. */
export function answersOfSound(playback, speed) {
  return {
    toggle: () => playback.toggle(),
    back: () => playback.step(-1),
    on: () => playback.step(1),
    backALittle: () => playback.step(-1, FINE_STEP_SECONDS),
    onALittle: () => playback.step(1, FINE_STEP_SECONDS),
    slower: () => changeSpeed(speed, -1),
    faster: () => changeSpeed(speed, 1),
  };
}
