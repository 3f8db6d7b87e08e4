// What a person sees of the upload. A page switch takes the view away; the upload goes on, and the next view shows it.

import { stickBelowHeader } from "../shared/dom.js";
import { counted, number, percentOf } from "../shared/formats.js";
import { shownName } from "../shared/names.js";
import { TellMe } from "../notices/tell_me.js";
import { LEFT_OUT } from "./choosing.js";
import { Entrance } from "./entrance.js";
import { LinkForm } from "./link_form.js";
import { ignoreHeldKeys, paintKeepingFocus } from "./focus.js";
import { OptionsForm } from "./options_form.js";
import { LOST, Phase, Status, UNDER_WAY } from "./queue.js";
import { OwnOptions } from "./own_options.js";
import { Rows } from "./rows.js";
import {
  chosenText,
  deleteText,
  discardText,
  filesText,
  interruptedText,
  leftOutText,
  listItem,
  overallText,
  speedText,
  suggestedName,
  takesText,
  verdictText,
} from "./wording.js";

const MOST_LEFT_OUT_SHOWN = 200;
const WIDE_ENOUGH_FOR_OPTIONS = 900;
const Question = Object.freeze({ UPLOAD: "keep", INTERRUPTED: "keep-interrupted" }); // named by the button that says no

export class View {
  constructor(root, upload, constants) {
    this.root = root;
    this.upload = upload;
    this.find = (id) => root.getElementById?.(id) ?? root.querySelector(`#${id}`);
    this.form = new OptionsForm(root, constants);
    this.ownOptions = new OwnOptions(root, this.find, upload, this.form);
    this.rows = new Rows(root, {
      onRemove: (item) => upload.remove(item),
      onPick: (items, picked) => this.ownOptions.pick(items, picked),
      onOptions: (item) => this.ownOptions.ask([item]),
    });
    this.expanded = true;
    this.onlyFailed = false;
    this.question = null; // what the person is asked: whether this is to be discarded
    this.find("options").open = root.firstElementChild.clientWidth >= WIDE_ENOUGH_FOR_OPTIONS;
    this.find("takes").textContent = takesText(constants.maxFileBytes);
    this.entrance = new Entrance(this.find, upload, constants, (text) => this.#announce(text));
    this.linkForm = new LinkForm(root, this.find, upload, (text) => this.#announce(text));
    this.#showIf("link-button", constants.readsLinks);
    this.tellMe = new TellMe({ isOn: () => upload.tells, set: (on) => upload.setTells(on) });
    this.find("tell").replaceChildren(this.tellMe.element);
    this.#listenToButtons(constants);
    ignoreHeldKeys(root);
  }

  attach(component) {
    this.component = component;
    if (this.upload.views.has(this)) return;
    this.detached = new AbortController();
    this.entrance.listenToDrops(this.detached.signal);
    stickBelowHeader(this.root.firstElementChild, this.detached.signal);
    this.upload.views.add(this);
    this.rows.paint(this.upload.queue.items);
    this.#paint();
  }

  detach() {
    this.upload.views.delete(this);
    this.detached?.abort();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  // However much happens, it is painted once a frame.
  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#paint();
    });
  }

  // Has the page open the batch that was just started.
  lead(started) {
    this.form.forgetName();
    this.#announce(`The batch ${shownName(started.name)} has started with ${counted(started.files, "file")}.`);
    this.#open(started);
  }

  #open({ batchId }) {
    this.component.setTriggerValue("started", { batch_id: batchId });
  }

  #listenToButtons(constants) {
    const { upload } = this;
    const actions = {
      upload: () => this.#begin((form) => (this.#nothingPending ? upload.startWithout() : upload.begin(form))),
      "sample-button": () => this.#tryOut(constants.sample),
      retry: () => this.#begin((form) => upload.retryFailed(form)),
      without: () => upload.startWithout(),
      "choose-missing": () => this.#chooseMissing(),
      cancel: () => upload.stop(),
      clear: (event) => this.#clear(event),
      keep: () => this.#goTo("clear"),
      resume: () => upload.resume().then(() => this.#goTo(this.#nothingMissing ? "files-button" : "choose-missing")),
      "discard-interrupted": (event) => this.#discardInterrupted(event),
      "keep-interrupted": () => this.#goTo("resume"),
      toggle: () => (this.expanded = !this.expanded),
      "only-failed": () => (this.onlyFailed = !this.onlyFailed),
    };
    for (const [id, act] of Object.entries(actions)) {
      this.find(id).onclick = (event) => {
        if (!["clear", "discard-interrupted"].includes(id)) this.question = null;
        act(event);
        this.schedule();
      };
    }
    // Within the page, where the files that are listed for the next batch stay.
    this.find("started").querySelector("a").onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(upload.started);
    };
    this.find("left-out").ontoggle = () => this.#paintLeftOut();
  }

  get #nothingMissing() {
    return !this.upload.queue.count(Status.MISSING);
  }

  get #nothingPending() {
    return this.upload.batch && !this.upload.queue.count(Status.PENDING);
  }

  // Has a recording of ours transcribed, as if it had been chosen.
  async #tryOut(address) {
    const answer = await fetch(address).catch(() => null);
    if (!answer?.ok) return this.#announce("The sample cannot be loaded now.");
    const name = address.split("/").pop();
    const file = new File([await answer.blob()], name, { type: "audio/mpeg" });
    this.upload.add({ found: [{ file, path: name }] });
    this.#paint(); // the form learns the name
    if (this.upload.queue.size === 1) this.#begin((form) => this.upload.begin(form));
    this.schedule();
  }

  // By the same way as they came: files that lie in folders are found with their folder.
  #chooseMissing() {
    const inFolders = this.upload.queue.having(Status.MISSING).every(({ path }) => path.includes("/"));
    this.find(inFolders ? "choose-folder" : "choose-files").click();
  }

  #begin(act) {
    const form = this.form.form;
    if (this.upload.batch || form.checkValidity()) return act(this.form.value);
    this.find("options").open = true;
    form.reportValidity();
  }

  #clear(event) {
    const there = this.upload.batch ? this.upload.queue.filesThere : 0;
    if (there && !this.#isAgreed(Question.UPLOAD, there, event)) return;
    this.question = null;
    this.upload.discard();
  }

  #discardInterrupted(event) {
    const { interruption } = this.upload;
    const { jobs, parts } = interruption.upload;
    if (this.#isAgreed(Question.INTERRUPTED, jobs.length + parts, event)) interruption.discard();
  }

  // What has arrived on the server is not thrown away by one click, nor by a double one. Asks, or returns the answer.
  #isAgreed(question, files, event) {
    if (this.question === question && event.detail > 1) return false;
    const agreed = this.question === question;
    this.question = agreed ? null : question;
    if (agreed) return true;
    this.#announce(discardText(files));
    this.#goTo(question);
    return false;
  }

  // Takes the keyboard to what is about to be shown.
  #goTo(id) {
    this.#paint();
    this.find(id).focus();
  }

  #announce(text) {
    this.find("announcement").textContent = text;
  }

  #paint() {
    paintKeepingFocus(this.root.firstElementChild, this.find, () => this.#paintAll());
  }

  #paintAll() {
    const { upload } = this;
    const { queue } = upload;
    const waiting = queue.count(Status.WAITING) ? queue.having(Status.WAITING) : []; // their seconds count down
    if (queue.changed.size) this.form.suggest(suggestedName(queue));
    this.rows.paint(new Set([...queue.changed, ...waiting]));
    queue.changed.clear();
    this.form.freeze(upload.batch);
    this.#paintMessages();
    this.#paintOverall();
    this.#paintLeftOut();
    this.ownOptions.paint();
    this.#paintActions();
    this.tellMe.show();
    this.#announcePhase();
  }

  #paintMessages() {
    const { started, problem } = this.upload;
    this.#paintInterrupted();
    this.#showIf("started", started);
    if (started) {
      const text = `The batch “${shownName(started.name)}” has started with ${counted(started.files, "file")}.`;
      this.find("started").firstElementChild.textContent = text;
      this.find("started").querySelector("a").href = `/batches?batch=${started.batchId}`;
    }
    this.#showIf("problem", problem);
    this.find("problem").textContent = problem;
  }

  #paintInterrupted() {
    const { interruption, canResume } = this.upload;
    const asked = this.question === Question.INTERRUPTED;
    this.#showIf("interrupted", canResume);
    this.#showIf("resume", !asked);
    this.#showIf("keep-interrupted", asked);
    if (!canResume) return;
    const files = interruption.upload.jobs.length + interruption.upload.parts;
    this.find("discard-interrupted").textContent = asked ? deleteText(files) : "Discard";
    const text = asked ? discardText(files) : interruptedText(interruption.upload);
    this.find("interrupted").firstElementChild.textContent = text;
  }

  #paintOverall() {
    const { queue, phase, speed, freeBytes } = this.upload;
    const begun = phase !== Phase.CHOOSING;
    this.#showIf("overall", begun);
    this.#showIf("sample-button", !queue.size && !this.upload.batch);
    this.find("drop").classList.toggle("roomy", !queue.size && !begun);
    this.#showIf("queue", queue.size);
    this.find("overall-title").textContent = overallText(queue);
    if (queue.unsized) this.find("overall-progress").removeAttribute("value");
    else this.find("overall-progress").value = percentOf(queue.sentBytes, queue.totalBytes);
    this.find("overall-files").textContent = filesText(this.upload);
    this.find("overall-speed").textContent = phase === Phase.UPLOADING ? speedText(queue, speed, freeBytes) : "";
    const details = `${this.expanded ? "Hide" : "Show"} details`;
    this.find("toggle").lastElementChild.textContent = begun ? details : chosenText(queue);
    this.find("toggle").setAttribute("aria-expanded", this.expanded);
    this.#showIf("rows", this.expanded);
    const lost = queue.count(...LOST);
    this.onlyFailed &&= lost > 0;
    this.#showIf("only-failed", this.expanded && lost);
    this.find("only-failed").textContent = `Failed (${number(lost)})`;
    this.find("only-failed").setAttribute("aria-pressed", this.onlyFailed);
    this.rows.showOnlyFailed(this.onlyFailed);
    if (phase === Phase.UPLOADING) this.rows.follow(queue.having(...UNDER_WAY)[0]);
  }

  #paintLeftOut() {
    const { leftOut } = this.upload;
    const box = this.find("left-out");
    this.#showIf("left-out", leftOut.length);
    if (box.painted === `${leftOut.length} ${box.open}`) return;
    box.painted = `${leftOut.length} ${box.open}`;
    box.firstElementChild.textContent = leftOutText(leftOut);
    const lines = box.open
      ? leftOut.slice(0, MOST_LEFT_OUT_SHOWN).map(({ path, why }) => `${shownName(path)} (${LEFT_OUT[why]})`)
      : [];
    if (box.open && leftOut.length > lines.length) lines.push(`and ${leftOut.length - lines.length} more`);
    box.lastElementChild.replaceChildren(...lines.map(listItem));
  }

  #paintActions() {
    const { busy, batch, queue } = this.upload;
    const lost = queue.count(...LOST);
    const arrived = queue.count(Status.UPLOADED);
    const pending = queue.count(Status.PENDING);
    const missing = queue.count(Status.MISSING);
    const asked = this.question === Question.UPLOAD;
    const idle = !busy && !asked;
    this.#showIf("cancel", busy);
    this.#showIf("clear", !busy);
    this.#showIf("keep", asked);
    this.#showIf("retry", idle && lost);
    this.#showIf("without", idle && batch && arrived && lost + pending + missing);
    this.#showIf("choose-missing", idle && missing);
    this.#showIf("upload", idle && (pending || (arrived && !lost && !missing)));
    this.find("choose-missing").classList.toggle("main", !pending);
    this.find("clear").textContent = asked ? deleteText(queue.filesThere) : batch ? "Discard" : "Cancel";
    this.find("upload").textContent = pending ? (batch ? "Upload the Rest" : "Upload All") : "Start the Batch";
    this.find("without").textContent = `Start without ${counted(lost + pending + missing, "file")}`;
    const verdict = asked ? discardText(queue.filesThere) : verdictText(this.upload);
    this.find("verdict").textContent = verdict;
    this.#showIf("verdict", verdict);
  }

  // Says what changed to those who do not see it: each phase, and each quarter of the way.
  #announcePhase() {
    const { phase, queue } = this.upload;
    const quarter = queue.unsized ? 0 : Math.floor(percentOf(queue.sentBytes, queue.totalBytes) / 25) * 25;
    const now = phase === Phase.UPLOADING ? `${phase} ${quarter}` : phase;
    if (now === this.announced) return;
    const first = this.announced === undefined;
    this.announced = now;
    if (phase === Phase.UPLOADING) this.#announce(`Uploading: ${quarter} percent.`);
    else if (!first && phase !== Phase.CHOOSING) this.#announce(verdictText(this.upload) || filesText(this.upload));
  }

  #showIf(id, shown) {
    this.find(id).hidden = !shown;
  }
}
