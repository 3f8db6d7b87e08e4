// One transcript that is edited, from the moment it is asked for until the editor is done.

import { tellListener } from "../player/listening.js";
import { make } from "../shared/dom.js";
import { Archive } from "./archive.js";
import { Bar } from "./bar.js";
import { select, selectedIn } from "./caret.js";
import { draftOf, restored } from "./drafts.js";
import { FindBar } from "./find_bar.js";
import { Marks } from "./marks.js";
import { transcriptOf, writable } from "./model.js";
import { PlayingPanel, RevisionsPanel } from "./panels.js";
import { askToLeave, stateOf, tellDraft } from "./questions.js";
import { Saving } from "./saving.js";
import { changedPlace, Session } from "./session.js";
import { idAt, NEW_SPEAKER, Sheet } from "./sheet.js";
import { NO_RECORDING, Sounding } from "./sounding.js";
import { SpeakerChoice } from "./speaker_choice.js";
import { SpeakersPanel } from "./speakers_panel.js";
import { Steering } from "./steering.js";
import { countDoubtful, placeOf } from "./timeline.js";
import { Typing } from "./typing.js";

const REST_MS = 300;

/** Fetch the newest revision, or the one that the newest draft changes, or that named *own*. Throws a sentence. */
export async function fetchEdited(jobId, signal, own) {
  const archive = new Archive(jobId, { signal });
  const draft = draftOf(jobId, own);
  const { body, reason } = await archive.read(draft?.base ?? null);
  if (reason) throw new Error(reason);
  const base = writable(transcriptOf(body), body);
  return { archive, draft, body, base, begun: draft && restored(draft, base) };
}

export class Editor {
  constructor({ root, find, on, signal, jobId, recording, edited, seconds, leave, reopen }) {
    Object.assign(this, { root, find, on, signal, jobId, leave, sounding: null });
    this.reopen = () => reopen(this.session.draftName);
    const { archive, draft, body, base, begun } = edited;
    this.session = new Session({ jobId, revision: body.revision, base, begun, draft });
    this.marks = new Marks();
    this.makeSheet(body, recording !== null);
    this.makePanels();
    this.saving = new Saving({
      root,
      archive,
      session: this.session,
      bar: this.bar,
      panel: this.revisions,
      changed: () => this.tellState(),
      saved: () => this.sounding?.picture.subtitle(),
      reopen: this.reopen,
    });
    this.listen();
    if (recording) this.play(recording);
    else this.tellSilence(NO_RECORDING);
    this.drawn();
    this.begin(seconds);
    tellDraft(this, draft, body);
    this.saving.refresh();
  }

  /** Put the caret where the reader was. */
  begin(seconds) {
    const place = placeOf(this.session.transcript, seconds);
    if (place) this.selectPlace(place);
    else this.focusText();
  }

  makeSheet(body, hasSound) {
    const container = this.find("text");
    const kind = (name) => (note) => ({ ...note, kind: name });
    const notes = [...(body.gaps ?? []).map(kind("gap")), ...(body.removed ?? []).map(kind("removed"))];
    this.sheet = new Sheet(container, this.find("bar"), {
      marks: this.marks,
      hasSound,
      language: body.language,
      notes: notes.sort((one, other) => one.start - other.start),
      onInsert: ({ start, end, text }) => this.go(this.session.insert({ start, end, text })),
    });
    container.replaceChildren();
    this.typing = new Typing(container, {
      on: this.on,
      edit: this.edits(),
      neighbour: (id, direction) => this.sheet.neighbour(id, direction),
      onFocus: (id) => this.sheet.putStop(id),
    });
  }

  makePanels() {
    this.bar = new Bar(this.find("bar"), this.find("tools"), {
      undo: () => this.undo(),
      redo: () => this.redo(),
      find: () => this.openFindBar(),
      nextDoubt: () => this.steering.goDoubt(1),
      confirm: () => this.steering.confirm(),
      save: () => this.saving.save(),
      saveWithNote: () => this.saving.save({ withNote: true }),
      done: () => askToLeave(this),
      goBack: () => this.focusText(),
    });
    this.findBar = new FindBar(this.find("bar"), {
      transcript: () => this.session.transcript,
      show: (place) => this.showPlace(place),
      mark: (places) => this.marks.markFound(places.map(({ index, from, to }) => [this.sheet.textAt(index), from, to])),
      replace: (places, text) => this.done(() => this.session.replace(places, text)),
      leave: (place) => place ? this.selectPlace(place) : this.focusText(),
    });
    this.playing = new PlayingPanel();
    this.speakers = new SpeakersPanel({
      onRename: (id, name) => this.done(() => this.session.renameSpeaker(id, name)),
      onMerge: (id, other) => this.done(() => this.session.mergeSpeaker(id, other)),
      onAdd: () => this.done(() => this.session.addSpeaker()),
    });
    this.revisions = new RevisionsPanel({
      onRead: (revision) => this.saving.readRevision(revision),
      onCompare: (revision) => this.saving.compareWith(revision),
      onRestore: (revision) => this.saving.restoreRevision(revision),
    });
    this.side = make(
      "div",
      { class: "editing-panels" },
      this.playing.element,
      this.speakers.element,
      this.revisions.element,
    );
    this.find("side").prepend(this.side);
  }

  /** Return the changes that typing can make. */
  edits() {
    const { session } = this;
    return {
      type: (id, text, step) => {
        session.type(id, text, step);
        this.sounding?.follow(false);
        this.drawn();
      },
      write: (id, at, text) => this.go(session.write(id, at, text)),
      split: (id, at) => this.go(session.split(id, at)),
      join: (id) => this.go(session.join(id)),
      joinNext: (id) => this.go(session.joinNext(id)),
      undo: () => this.undo(),
      redo: () => this.redo(),
    };
  }

  listen() {
    const text = this.find("text");
    this.steering = new Steering(this);
    this.speakerChoice = new SpeakerChoice(text, {
      on: this.on,
      choose: (list) => this.chooseSpeaker(list),
      leave: (list) => this.focusText(idAt(list)),
    });
    this.on(window, "beforeunload", (event) => this.keep() || event.preventDefault());
    this.on(window, "pagehide", () => this.keep());
    this.on(document, "visibilitychange", () => this.keep());
  }

  play(recording) {
    this.sounding = new Sounding({
      find: this.find,
      on: this.on,
      signal: this.signal,
      jobId: this.jobId,
      recording,
      stepBackSeconds: () => this.playing.stepBackSeconds,
      mark: (element, span) => this.marks.markSaid(element, span),
      spanOf: ({ paragraph, index }) => {
        const [element, span] = [this.sheet.textOf(paragraph), this.paragraph(paragraph)?.spans[index]];
        return element && span && { element, span };
      },
      onSilence: (sentence) => this.tellSilence(sentence),
    });
  }

  tellSilence(sentence) {
    this.sounding?.close();
    this.sounding = null;
    this.root.classList.add("silent");
    tellListener(this.find, sentence);
  }

  paragraph(id) {
    return this.session.transcript.paragraphs[this.session.indexOf(id)];
  }

  /** Show what has become of the transcript; what can wait waits until nothing is typed for a moment. */
  drawn() {
    if (!this.session.isDirty) this.saving.forgetRefusal();
    this.sheet.show(this.session.transcript);
    this.speakers.show(this.session.transcript);
    if (!this.sheet.blockOf(this.sheet.stop)) this.sheet.putStop(this.session.transcript.paragraphs[0]?.id);
    this.tellState();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST_MS);
  }

  rest() {
    clearTimeout(this.resting);
    this.keep(); // first: what else waits may fail
    this.tellState();
    this.sounding?.setTranscript(this.session.transcript);
    this.findBar.search({ goes: false });
  }

  keep() {
    if (this.isClosed) return true;
    this.session.keep();
    return this.session.isKept;
  }

  tellState() {
    const { session, saving } = this;
    const { canUndo, canRedo } = session.history;
    this.bar.show({
      canUndo,
      canRedo,
      isDirty: session.isDirty,
      isSaving: saving?.isSaving ?? false,
      doubtful: countDoubtful(session.transcript),
      state: stateOf(session, saving?.savedNumber),
    });
  }

  /** Do something to the session, show it, and return what it returned. */
  done(act) {
    const result = act();
    this.drawn();
    return result;
  }

  /** Show the session, with the caret at a place. */
  go(place) {
    this.drawn();
    const text = place && this.sheet.textOf(place.id);
    if (!text) return;
    select(text, place.offset);
    this.sheet.reveal(text, place.offset);
  }

  undo() {
    this.saving.forgetRefusal();
    this.go(this.session.history.undo());
  }

  redo() {
    this.saving.forgetRefusal();
    const before = this.session.transcript;
    this.session.history.redo();
    this.go(changedPlace(before, this.session.transcript));
  }

  showPlace({ index, from, to }) {
    this.sounding?.follow(false);
    this.sheet.reveal(this.sheet.textAt(index), from, to);
  }

  selectPlace({ index, from, to = from }) {
    const text = this.sheet.textAt(index);
    select(text, from, to);
    this.sheet.reveal(text, from, to);
  }

  focusText(id = this.sheet.stop) {
    const text = this.sheet.textOf(id);
    if (text) this.typing.goBack(text, id);
  }

  openFindBar() {
    const text = this.sheet.textOf(this.sheet.stop);
    const at = text && selectedIn(text);
    this.findBar.open(at ? text.textContent.slice(at.from, at.to) : "");
  }

  chooseSpeaker(list) {
    const { value } = list;
    const speaker = value === NEW_SPEAKER ? null : value;
    if (value) this.done(() => this.session.assign([idAt(list)], speaker)); // the empty one is who it is already
  }

  /** Forget what is not saved, for good. */
  throwAway() {
    this.session.forget();
    this.isClosed = true; // nothing is kept any more
  }

  close() {
    this.keep();
    this.isClosed = true;
    clearTimeout(this.resting);
    this.sounding?.close();
    this.sheet.close();
    this.marks.close();
    for (const element of [this.bar.element, this.bar.state, this.bar.question, this.side]) element.remove();
    this.findBar.remove();
  }
}
