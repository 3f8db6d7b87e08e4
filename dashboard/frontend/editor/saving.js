// Saving, what others have saved meanwhile, and earlier revisions.

import { keepName, nameKept } from "./archive.js";
import { CLOSE } from "./bar.js";
import { compare } from "./compare.js";
import { askForName, readable, readableDifferences, showVersion } from "./dialogs.js";
import { contentOf, transcriptOf } from "./model.js";
import { titleOf } from "./panels.js";

export class Saving {
  /** *changed* is called when there is something else to tell, *saved* after a revision was made; *reopen* opens the newest revision. */
  constructor({ root, archive, session, bar, panel, changed, saved, reopen }) {
    Object.assign(this, { root, archive, session, bar, panel, changed, saved, reopen });
    Object.assign(this, { isSaving: false, savedNumber: null });
  }

  async save({ withNote = false } = {}) {
    if (this.isSaving || !this.session.isDirty) return;
    const answer = await this.signed({ withNote });
    if (answer) await this.send(answer, this.session.revision);
  }

  /** Return who saves, and a note; a user who is not known yet is asked. Null if it was thought better of. */
  async signed({ withNote = false } = {}) {
    if (!withNote && nameKept() !== null) return { name: nameKept(), note: "" };
    const answer = await askForName(this.root, nameKept());
    if (answer) keepName(answer.name);
    return answer;
  }

  async send(answer, base) {
    const { transcript } = this.session;
    const { body, reason, isStale } = await this.post(transcript, answer, base);
    if (body) {
      this.session.saved(transcript, numberOf(body, base));
      this.savedNumber = this.session.revision;
      this.changed();
      this.saved();
      this.refresh();
      await this.settle(this.session.revision);
    } else if (isStale) {
      await this.tellConflict(`${reason} Your changes are kept here.`, {
        "Save mine on top": (newest) => this.send(answer, newest),
      });
    } else {
      const kept = this.session.isKept ? " Your changes are kept in this browser." : "";
      const again = { "Try again": () => this.send(answer, base), ...CLOSE };
      this.refusal = this.bar.ask(`It was not saved. ${reason}${kept}`, again);
    }
  }

  /** Save a transcript as a revision that changes *base*, and return the answer. */
  async post(transcript, { name, note }, base) {
    this.bar.settle();
    this.become(true);
    const answer = await this.archive.save(contentOf(transcript), { base, savedBy: name, note });
    this.become(false);
    return answer;
  }

  /** Tell no more why it was not saved: what was refused may have been taken back. */
  forgetRefusal() {
    if (this.refusal) this.bar.settle(this.refusal);
    this.refusal = null;
  }

  /** Look how the dashboard has saved it, so that drafts can refer to that; without an answer they hold all words. */
  async settle(number) {
    const { body } = await this.archive.read(number);
    if (body) this.session.settled(transcriptOf(body), number);
  }

  become(isSaving) {
    this.isSaving = isSaving;
    this.changed();
  }

  /**
   * Tell that another user has saved: nothing is lost, and the user chooses what to do.
   *
   * *onTop* has what can be done by its label; it is given the number of the revision that the user was told of or has
   * seen, so that one that is newer still is told of, too.
   */
  async tellConflict(reason, onTop, told = null) {
    const newest = told ?? await this.newest();
    if (newest === null) return;
    const [[label, act]] = Object.entries(onTop);
    this.bar.ask(reason, {
      "See the other version": async () => {
        const seen = await this.compareWith(null);
        await this.tellConflict(reason, onTop, seen ?? newest);
      },
      [label]: () => act(newest),
      ...CLOSE,
    });
  }

  async newest() {
    const { body, reason } = await this.archive.list();
    if (reason) this.bar.ask(reason);
    return body?.[0].number ?? null;
  }

  /** Show the revisions in their panel. */
  async refresh() {
    const { body, reason } = await this.archive.list();
    if (reason) this.panel.tell(reason);
    else this.panel.show(body, this.session.revision);
    return body ?? [];
  }

  async readRevision(revision) {
    const found = await this.fetched(revision.number);
    if (!found) return;
    const paragraphs = readable(transcriptOf(found));
    await showVersion(this.root, { title: titleOf(revision), paragraphs });
  }

  /** Compare a revision, the newest if none is named, with what is in the editor; returns its number, if it is read. */
  async compareWith(revision) {
    const found = await this.fetched(revision?.number ?? null);
    if (!found) return null;
    const title = `${titleOf({ number: found.revision })}, compared with your text`;
    const paragraphs = readableDifferences(compare(transcriptOf(found), this.session.transcript));
    await showVersion(this.root, { title, paragraphs });
    return found.revision;
  }

  async restoreRevision(revision) {
    if (this.session.isDirty) {
      this.bar.ask("Save or undo your changes first. Then an earlier revision can be restored.");
      return;
    }
    const found = await this.fetched(revision.number);
    if (!found) return;
    const title = `Restore ${titleOf(revision)}?`;
    const compared = compare(this.session.transcript, transcriptOf(found));
    const choice = await showVersion(this.root, {
      title,
      paragraphs: readableDifferences(compared),
      actions: ["Restore"],
    });
    const answer = choice && await this.signed();
    if (!answer) return;
    const note = answer.note || `Restored: ${titleOf(revision)}`;
    await this.restore(transcriptOf(found), { ...answer, note }, this.session.revision);
  }

  /** Save an earlier transcript as a revision that changes *base*. */
  async restore(transcript, answer, base) {
    const { reason, isStale } = await this.post(transcript, answer, base);
    if (isStale) {
      await this.tellConflict(`It was not restored. ${reason}`, {
        "Restore on top": (newest) => this.restore(transcript, answer, newest),
      });
    } else if (reason) this.bar.ask(`It was not restored. ${reason}`);
    else this.reopen();
  }

  async fetched(number) {
    const { body, reason } = await this.archive.read(number);
    if (reason) this.bar.ask(reason);
    return body ?? null;
  }
}

const numberOf = (body, base) => body.number ?? body.revision ?? base + 1;
