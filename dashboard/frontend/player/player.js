// One transcript with its recording, from the moment it is asked for until the reader leaves it.

import { discardDraft, draftOf } from "../editor/drafts.js";
import { API, call, isPassing, reasonOf, wasAccepted } from "../shared/api.js";
import { make } from "../shared/dom.js";
import { dayAndTime, timeOfDay } from "../shared/formats.js";
import { forgetGoneDrafts } from "../shared/gone_drafts.js";
import { RecordingName } from "./naming.js";
import { makeRoomForPicture } from "./picture.js";
import { AWAY, readable, Refused } from "./readable.js";
import { Reader } from "./reader.js";
import { press } from "./toggle.js";
import { factsOf, legendOf, markDoubts } from "./view.js";

const SECONDS_BETWEEN_TRIES = 5;
const DOCUMENT_SECONDS = 600; // a transcript of many hours over a slow connection
const SECONDS_A_NOTE_STAYS = 2;

const loadEditor = () => import("../editor/editor.js");

class Player {
  constructor(root, data) {
    this.root = root;
    this.data = data;
    this.leaving = new AbortController();
    this.find = (name) => root.querySelector(`.${name}`);
    this.on = (target, name, listener) => target.addEventListener(name, listener, { signal: this.leaving.signal });
    new RecordingName(this.find, data);
    this.find("downloads").prepend(...data.formats.map((format) => this.downloadLink(format)));
    if (data.has_video) makeRoomForPicture(this.find("audio"));
    this.on(this.find("again"), "click", () => this.load());
    this.on(this.find("edit"), "click", () => this.edit());
    this.load();
    forgetGoneDrafts({ signal: this.leaving.signal });
  }

  path(document) {
    return `/jobs/${encodeURIComponent(this.data.job_id)}/${document}`;
  }

  url(document) {
    return API + this.path(document);
  }

  downloadLink({ value, label }) {
    const link = make("a", { class: "button" }, label);
    link.href = this.url(`documents/${value}`);
    link.download = "";
    return link;
  }

  async load() {
    clearTimeout(this.retry);
    try {
      const { transcript, text } = await readable((document) => this.ask(document));
      this.tell("");
      if (transcript) this.show(transcript);
      else this.showPlain(text);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.fail(error);
    }
  }

  /** Return the answer with a document. A connection that breaks in the middle of it is as good as none. */
  async ask(document, request = {}) {
    const { signal } = this.leaving;
    const answer = await call("GET", this.path(document), { ...request, signal, seconds: DOCUMENT_SECONDS });
    if (signal.aborted) return new Promise(() => {}); // the reader has left: nothing more is to be done
    if (wasAccepted(answer)) return answer;
    throw new Refused(reasonOf(answer, AWAY), { isFinal: !isPassing(answer) && answer.status < 500 });
  }

  fail({ message, isFinal }) {
    this.become("failed");
    this.find("text").replaceChildren();
    this.tell(message);
    this.find("again").hidden = isFinal;
    if (!isFinal) this.retry = setTimeout(() => this.load(), SECONDS_BETWEEN_TRIES * 1000);
  }

  tell(sentence) {
    this.find("notice").textContent = sentence;
    this.find("notice").hidden = !sentence;
    this.find("again").hidden = true;
  }

  become(state) {
    this.root.dataset.state = state;
    this.find("text").removeAttribute("aria-busy");
  }

  /** Show a transcript of an older version, of which only the text is kept. */
  showPlain(text) {
    const paragraphs = text.trim().split("\n\n").map((paragraph) => make("p", { class: "words plain" }, paragraph));
    for (const paragraph of paragraphs) paragraph.dir = "auto";
    this.find("text").replaceChildren(...paragraphs);
    this.tell("The times of its words were not kept, so it is not known when each word is said.");
    this.offerCopy(text.trim());
    this.become("plain");
  }

  show(transcript) {
    this.reader = new Reader({
      root: this.root,
      find: this.find,
      ...this.shownUntil(),
      transcript,
      jobId: this.data.job_id,
      recording: this.data.has_recording ? this.recording() : null,
    });
    this.find("facts").replaceChildren(...factsOf(transcript));
    this.offerCopy(transcript.text);
    this.offerViews(transcript);
    this.find("edit").hidden = false;
    this.offerDraft();
    this.become("ready");
    globalThis.requestIdleCallback?.(() => loadEditor().catch(() => {})); // so that it is there when it is wanted
    this.place();
  }

  /** Show the second that the page's address names, once; after editing, where that ended. */
  place() {
    if (this.returnsTo) this.reader.showTime(this.returnsTo);
    else if (this.data.at !== null) this.reader.showTime(this.data.at, { seek: true });
    this.returnsTo = null;
    this.data.at = null;
  }

  /** Return what ends with what is shown now: a signal, and a way to listen until then. */
  shownUntil() {
    this.showing?.abort();
    this.showing = new AbortController();
    const { signal } = this.showing;
    return { signal, on: (target, name, listener) => target.addEventListener(name, listener, { signal }) };
  }

  /** Tell of changes that were made here and not saved. */
  offerDraft() {
    const draft = draftOf(this.data.job_id);
    this.find("draft").hidden = !draft;
    if (!draft) return;
    const again = make("button", { class: "button", type: "button", onclick: () => this.edit() }, "Continue");
    const discard = make("button", {
      class: "button",
      type: "button",
      onclick: () => {
        discardDraft(draft);
        this.offerDraft();
      },
    }, "Discard");
    this.find("draft").replaceChildren(`You have an unsaved draft from ${momentOf(draft.at)}:`, again, discard);
  }

  /** Edit the text in the place of reading it; *ownDraft* names the only draft that is gone on with, else the newest is. */
  async edit(ownDraft = null) {
    const button = this.find("edit");
    if (button.disabled) return;
    button.disabled = true;
    try {
      const { Editor, fetchEdited } = await loadEditor();
      const edited = await fetchEdited(this.data.job_id, this.leaving.signal, ownDraft);
      if (this.leaving.signal.aborted) return;
      const seconds = this.editor?.steering.seconds ?? this.reader?.seconds ?? 0;
      this.stopShowing();
      this.find("draft").hidden = true;
      this.tell("");
      this.become("editing");
      this.editor = new Editor({
        root: this.root,
        find: this.find,
        ...this.shownUntil(),
        jobId: this.data.job_id,
        recording: this.data.has_recording ? this.recording() : null,
        edited,
        seconds,
        leave: () => this.read(),
        reopen: (ownDraft) => this.edit(ownDraft),
      });
    } catch (error) {
      this.tell(`The text cannot be edited now. ${error.message}`);
    } finally {
      button.disabled = false;
    }
  }

  /** Read the text, as it is saved, in the place of editing it. */
  read() {
    this.returnsTo = this.editor.steering.seconds;
    this.stopShowing();
    this.find("text").replaceChildren(make("p", { class: "loading" }, "Loading the transcript…"));
    this.become("loading");
    this.load();
  }

  stopShowing() {
    this.showing?.abort();
    this.reader?.close();
    this.editor?.close();
    this.reader = this.editor = null;
    this.root.classList.remove("silent");
    this.find("sound-notice").hidden = true;
  }

  recording() {
    return {
      // In the MP4 every moment is found exactly. In the MP3, for browsers that can't play MP3 inside of MP4, a click
      // can miss by seconds, since its bit rate varies.
      sources: [
        ...(this.data.has_video ? [{ url: this.url("video"), offset: 0, subtitles: this.url("documents/vtt") }] : []),
        { url: this.url("audio.mp4"), offset: this.data.offset_seconds },
        { url: this.url("audio"), offset: this.data.offset_seconds },
      ],
      /** Return why the recording cannot be heard; null if it is no longer kept. */
      whyNot: async () => {
        try {
          await this.ask("audio", { headers: { Range: "bytes=0-0" } });
        } catch (error) {
          if (error.isFinal) return null;
          return "The recording cannot be loaded now. Load the page again to listen to it.";
        }
        return "This browser cannot play the recording.";
      },
    };
  }

  offerCopy(text) {
    const button = this.find("copy");
    button.disabled = false;
    button.onclick = async () => {
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "The browser does not allow it";
      }
      this.find("said").textContent = button.textContent;
      setTimeout(() => (button.textContent = "Copy text"), SECONDS_A_NOTE_STAYS * 1000);
    };
  }

  offerViews({ text, removed = [] }) {
    const { words, elements } = this.reader.text;
    const [doubts, removals, legend] = ["doubts", "removals", "legend"].map(this.find);
    this.find("shown").hidden = false;
    const showDoubts = (shown) => {
      legend.replaceChildren(...legendOf(markDoubts(words, elements, shown), text));
      legend.hidden = !shown;
    };
    showDoubts(doubts.getAttribute("aria-pressed") === "true");
    doubts.onclick = () => showDoubts(press(doubts));
    removals.hidden = !removed.length;
    removals.textContent = `Removed text (${removed.length})`;
    removals.onclick = () => this.root.classList.toggle("with-removed", press(removals));
  }

  close() {
    this.stopShowing();
    this.leaving.abort();
    clearTimeout(this.retry);
  }
}

/** A time of today, or the day with it. */
function momentOf(milliseconds) {
  const isToday = new Date(milliseconds).toDateString() === new Date().toDateString();
  return (isToday ? timeOfDay : dayAndTime)(milliseconds);
}

const players = new WeakMap();

/** Streamlit calls this when the player is shown and at every change of the theme; what plays goes on. */
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".player");
  if (!players.has(root)) players.set(root, new Player(root, data));
  return () => {
    players.get(root)?.close();
    players.delete(root);
  };
}
