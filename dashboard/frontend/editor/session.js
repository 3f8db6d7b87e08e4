// One person's editing of one transcript: what was changed since which revision, and what is kept of it where.

import { basisOf, discardDraft, discardRead, keepDraft, newDraftName, NO_BASIS } from "./drafts.js";
import { History } from "./history.js";
import {
  addSpeaker,
  assign,
  confirmWord,
  contentOf,
  insertStretch,
  isSameContent,
  join,
  mergeSpeaker,
  renameSpeaker,
  retype,
  split,
} from "./model.js";
import { replacePlaces } from "./finding.js";
import { isDoubtful, wordAtOffset } from "./timeline.js";

export class Session {
  /**
   * *base* is the transcript as it was saved as *revision*, *begun* what was made of it before, and *draft* where that
   * was kept: this session's own draft comes in its place.
   */
  constructor({ jobId, revision, base, begun = null, draft = null, now }) {
    Object.assign(this, { jobId, revision, base, adopted: draft, draftName: newDraftName(jobId), isKept: true });
    this.basis = basisOf(base.paragraphs);
    this.history = new History(begun ?? base, { now });
  }

  get transcript() {
    return this.history.state;
  }

  get isDirty() {
    const { transcript, base } = this;
    if (this.compared?.transcript !== transcript || this.compared.base !== base) {
      this.compared = { transcript, base, isSame: isSameContent(transcript, base) };
    }
    return !this.compared.isSame;
  }

  indexOf(id) {
    return this.transcript.paragraphs.findIndex((paragraph) => paragraph.id === id);
  }

  type(id, text, step) {
    this.history.enter(retype(this.transcript, this.indexOf(id), text), step);
  }

  /** Take note that the word at an offset is right. */
  confirmWord(index, offset) {
    const paragraph = this.transcript.paragraphs[index];
    const number = wordAtOffset(paragraph, offset);
    if (!isDoubtful(paragraph.words[number])) return;
    const place = { id: paragraph.id, offset: paragraph.spans[number][0] };
    this.history.enter(confirmWord(this.transcript, index, number), { place });
  }

  /** Write in the place of a part of a paragraph, as a step of its own; returns where it ends. */
  write(id, { from, to }, written) {
    const index = this.indexOf(id);
    const { text } = this.transcript.paragraphs[index];
    const changed = text.slice(0, from) + written + text.slice(to);
    this.history.enter(retype(this.transcript, index, changed), { place: { id, offset: from } });
    return { id, offset: from + written.length };
  }

  /** Divide a paragraph; what was selected goes. Returns where the second one begins. */
  split(id, { from, to }) {
    const index = this.indexOf(id);
    const { text } = this.transcript.paragraphs[index];
    // A space for what was selected: what stands around that is not one word.
    const written = from < to ? `${text.slice(0, from)} ${text.slice(to)}` : text;
    const without = retype(this.transcript, index, written);
    const divided = split(without, index, from);
    this.history.enter(divided, { place: { id, offset: from } });
    return { id: divided.paragraphs[index + 1].id, offset: 0 };
  }

  /** Append a paragraph to the one before; returns where the seam is, or null if there is none before. */
  join(id) {
    const index = this.indexOf(id);
    if (index < 1) return null;
    const { transcript, seam } = join(this.transcript, index);
    this.history.enter(transcript, { place: { id, offset: 0 } });
    return { id: transcript.paragraphs[index - 1].id, offset: seam };
  }

  joinNext(id) {
    const next = this.transcript.paragraphs[this.indexOf(id) + 1];
    return next ? this.join(next.id) : null;
  }

  /** Give paragraphs to a speaker; a null one is a new speaker. */
  assign(ids, speaker) {
    const added = speaker === null ? addSpeaker(this.transcript) : { transcript: this.transcript, id: speaker };
    const indexes = ids.map((id) => this.indexOf(id));
    this.history.enter(assign(added.transcript, indexes, added.id), { place: { id: ids[0], offset: 0 } });
  }

  addSpeaker() {
    if (this.transcript.speakers.length) this.history.enter(addSpeaker(this.transcript).transcript);
    else this.assign(this.transcript.paragraphs.map(({ id }) => id), null);
  }

  renameSpeaker(id, name) {
    this.history.enter(renameSpeaker(this.transcript, id, name));
  }

  mergeSpeaker(id, other) {
    this.history.enter(mergeSpeaker(this.transcript, id, other));
  }

  replace(places, replacement) {
    const [{ index, from }] = places;
    const place = { id: this.transcript.paragraphs[index].id, offset: from };
    this.history.enter(replacePlaces(this.transcript, places, replacement), { place });
  }

  /** Put in a paragraph for a stretch of the recording; returns its beginning. */
  insert(stretch) {
    const { transcript, index } = insertStretch(this.transcript, stretch);
    const place = { id: transcript.paragraphs[index].id, offset: 0 };
    this.history.enter(transcript, { place });
    return place;
  }

  /** Keep what is not saved in the browser; `isKept` says whether it does. */
  keep() {
    if (!this.isDirty) return this.forget();
    this.isKept = keepDraft(this.draftName, this.revision, this.transcript, this.basis);
    if (this.isKept) this.discardAdopted();
  }

  forget() {
    discardDraft({ name: this.draftName });
    this.discardAdopted();
    this.isKept = true;
  }

  discardAdopted() {
    if (this.adopted) discardRead(this.adopted);
    this.adopted = null;
  }

  content() {
    return contentOf(this.transcript);
  }

  /** Take note that *transcript* is revision *number* now; what was changed meanwhile is a draft of that. */
  saved(transcript, number) {
    this.forget();
    this.revision = number;
    this.base = transcript;
    this.basis = NO_BASIS;
    this.history.seal();
    this.keep();
  }

  /** Take note of how the dashboard has saved revision *number*. */
  settled(transcript, number) {
    if (number === this.revision) this.basis = basisOf(this.base.paragraphs, transcript.paragraphs);
  }
}

/** Return where two transcripts differ first: the end of what is other in the second one. */
export function changedPlace(before, after) {
  const index = after.paragraphs.findIndex((paragraph, place) => paragraph !== before.paragraphs[place]);
  const paragraph = after.paragraphs[index] ?? after.paragraphs.at(-1);
  if (!paragraph) return null;
  const old = before.paragraphs.find(({ id }) => id === paragraph.id)?.text ?? "";
  const { text } = paragraph;
  let same = 0;
  while (same < Math.min(old.length, text.length) && old.at(-1 - same) === text.at(-1 - same)) same++;
  return { id: paragraph.id, offset: text.length - same };
}
