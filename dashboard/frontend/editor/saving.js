// Saving, what others have saved meanwhile, and earlier revisions.

import { keepName, nameKept } from "./archive.js";
import { compare } from "./compare.js";
import { askForName, readable, readableDifferences, showVersion } from "./dialogs.js";
import { contentOf, transcriptOf } from "./model.js";
import { titleOf } from "./panels.js";

export class Saving {
  /** *changed* is called when there is something else to tell; *reopen* opens the newest revision. */
  constructor({ root, archive, session, bar, panel, changed, reopen }) {
    Object.assign(this, { root, archive, session, bar, panel, changed, reopen, isSaving: false, savedNumber: null });
  }

  async save({ withNote = false } = {}) {
    if (this.isSaving || !this.session.isDirty) return;
    let answer = { name: nameKept() ?? "", note: "" };
    if (withNote || nameKept() === null) {
      answer = await askForName(this.root, nameKept());
      if (!answer) return;
      keepName(answer.name);
    }
    await this.send(answer, this.session.revision);
  }

  async send({ name, note }, base) {
    const { transcript } = this.session;
    this.bar.settle();
    this.become(true);
    const { body, reason, isStale } = await this.archive.save(contentOf(transcript), { base, savedBy: name, note });
    this.become(false);
    if (body) {
      this.session.saved(transcript, numberOf(body, base));
      this.savedNumber = this.session.revision;
      this.changed();
      this.refresh();
      await this.settle(this.session.revision);
    } else if (isStale) this.tellConflict(reason, { name, note });
    else {
      const kept = this.session.isKept ? " Your changes are kept in this browser." : "";
      this.bar.ask(`It was not saved. ${reason}${kept}`, { "Try again": () => this.send({ name, note }, base) });
    }
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

  /** Tell that another user has saved: nothing is lost, and the user chooses what to do. */
  tellConflict(reason, answer) {
    this.bar.ask(`${reason} Your changes are kept here.`, {
      "See the other version": () => this.seeOther(reason, answer),
      "Save mine on top": async () => {
        const newest = await this.newest();
        if (newest !== null) await this.send(answer, newest);
      },
    });
  }

  async seeOther(reason, answer) {
    await this.compareWith(null);
    this.tellConflict(reason, answer);
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

  /** Compare a revision, the newest if none is named, with what is in the editor. */
  async compareWith(revision) {
    const found = await this.fetched(revision?.number ?? null);
    if (!found) return;
    const title = `${titleOf({ number: found.revision })}, compared with your text`;
    const paragraphs = readableDifferences(compare(transcriptOf(found), this.session.transcript));
    await showVersion(this.root, { title, paragraphs });
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
    if (choice) await this.restore(revision, transcriptOf(found));
  }

  async restore(revision, transcript) {
    const base = await this.newest();
    if (base === null) return;
    const note = `Restored: ${titleOf(revision)}`;
    const { reason } = await this.archive.save(contentOf(transcript), { base, savedBy: nameKept() ?? "", note });
    if (reason) this.bar.ask(`It was not restored. ${reason}`);
    else this.reopen();
  }

  async fetched(number) {
    const { body, reason } = await this.archive.read(number);
    if (reason) this.bar.ask(reason);
    return body ?? null;
  }
}

const numberOf = (body, base) => body.number ?? body.revision ?? base + 1;
