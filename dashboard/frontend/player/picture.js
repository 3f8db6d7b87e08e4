// The picture of a recording whose upload is a video that is still kept, with the saved text as its subtitles.

import { make } from "../shared/dom.js";
import { tellListener } from "./listening.js";

const NO_PICTURE = "This browser cannot play the video as it was uploaded: only its sound is played.";
const SECONDS_UNTIL_HEARD = 1;

/** Put a video in the place of *audio*, which plays sound as well. */
export function makeRoomForPicture(audio) {
  if (audio.matches("video")) return;
  audio.replaceWith(make("video", { class: "audio", controls: true, preload: "metadata", "aria-label": "Recording" }));
}

export class Picture {
  constructor(video, { find, on }) {
    Object.assign(this, { video, find, source: null });
    // A codec that the browser lacks is no error to it: it plays what is left.
    on(video, "loadedmetadata", () => this.isShown && !video.videoWidth && this.giveUp());
    on(video, "timeupdate", () => this.isShown && isMute(video) && this.giveUp());
  }

  get isShown() {
    return Boolean(this.source?.subtitles);
  }

  /** Show what belongs to a source: the picture, or the sound alone where it has none or the video was refused. */
  show(source) {
    if (this.isShown && !source.subtitles) tellListener(this.find, NO_PICTURE);
    this.source = source;
    this.video.closest(".player").classList.toggle("with-picture", this.isShown);
    this.subtitle();
  }

  /** Take the subtitles as they are saved now. */
  subtitle() {
    for (const { track } of this.video.children) track.mode = "disabled"; // or what is on the picture would stay there
    this.video.replaceChildren();
    if (!this.isShown) return;
    const track = make("track", { kind: "subtitles", label: "Transcript", default: true });
    track.src = `${this.source.subtitles}?shown=${Date.now()}`; // or the browser would show those of before
    this.video.append(track);
    track.track.mode = "showing";
  }

  giveUp() {
    this.video.dispatchEvent(new Event("error"));
  }
}

/** Whether a video plays, and nothing of its sound can be decoded; browsers that do not tell are believed. */
function isMute(video) {
  if (video.currentTime < SECONDS_UNTIL_HEARD || video.paused) return false;
  return video.webkitAudioDecodedByteCount === 0 || video.mozHasAudio === false;
}
