// One batch, live: how far it is, its jobs, which device did what when, and what can be done to it.

import { call, wasAccepted } from "../shared/api.js";
import { Beacon } from "../shared/beacon.js";
import { make, onPlainClick, setText } from "../shared/dom.js";
import { counted, timeOfDay } from "../shared/formats.js";
import { shownName } from "../shared/names.js";
import { inPlace, Trouble } from "./elements.js";
import { Gantt } from "./gantt.js";
import { JobTable } from "./jobs.js";
import { briefOf, ENDED, finishedOf, outcomeOf, titleOf } from "./outcome.js";
import { Question } from "./question.js";
import { Summary } from "./summary.js";
import { troubleOf, Watch } from "./watch.js";
import { learnDevices } from "./words.js";

const BATCH_SECONDS = { active: 1, quiet: 2 }; // a retry in Prefect's own UI shows soon, too
const KEEP = { batch: "Keep the uploads for a retry", job: "Keep the upload for a retry" };

export class BatchView {
  constructor(root, { batch_id: batchId }, leave) {
    this.batchId = batchId;
    this.address = `/batch/${encodeURIComponent(batchId)}`;
    this.leave = leave;
    this.acting = new Set();
    this.trouble = new Trouble();
    this.loading = make("p", { class: "empty" }, "Loading the batch…");
    this.question = new Question();
    this.summary = new Summary(this);
    this.gantt = new Gantt();
    this.jobs = new JobTable(this);
    this.content = make("div", { hidden: true }, this.summary.element, this.gantt.element, this.jobs.element);
    this.news = make("p", { class: "unseen", role: "status" });
    root.replaceChildren(
      make("nav", { "aria-label": "Batches" }, this.backLink("← All batches")),
      this.summary.header,
      this.trouble.element,
      this.loading,
      this.content,
      this.news,
      this.question.element,
    );
    this.devices = [];
    this.learn();
    this.watch = new Watch({
      address: () => this.address,
      onAnswer: (batch, at) => inPlace(this.jobs.body, () => this.show(batch, at)),
      onTrouble: (answer) => inPlace(this.jobs.body, () => this.showTrouble(answer)),
      pace: (batch) => (ENDED.has(batch.state) ? BATCH_SECONDS.quiet : BATCH_SECONDS.active),
    });
  }

  /** Learn which devices there are: those without a job of the batch are idle, and a CPU is not called a GPU. */
  async learn() {
    const answer = await call("GET", "/pools");
    if (!wasAccepted(answer)) return;
    learnDevices(answer.body);
    this.devices = answer.body.filter(({ condition }) => condition === "online").map((pool) => pool.work_pool);
    this.watch?.now(); // what is shown already gets its right name
  }

  stop() {
    this.watch.stop();
    this.jobs.stop();
    Beacon.ofTab.tellBatch(null);
  }

  backLink(text) {
    const link = make("a", { href: "?", class: "back" }, text);
    onPlainClick(link, () => this.leave("left", true));
    return link;
  }

  openTranscript(job) {
    this.leave("transcript", job.job_id);
  }

  show(batch, answeredAt) {
    const before = this.batch;
    const at = latestOf(batch.jobs, answeredAt);
    this.batch = batch;
    this.trouble.clear();
    this.loading.hidden = true;
    this.content.hidden = false;
    this.summary.show(batch, at);
    Beacon.ofTab.tellBatch({ brief: briefOf(batch), name: batch.name });
    this.gantt.show(batch, at, ENDED.has(batch.state) ? [] : this.devices);
    this.jobs.show(batch.jobs, at, { started: batch.state !== "uploading", cancelling: batch.state === "cancelling" });
    if (before && before.state !== batch.state) setText(this.news, `${titleOf(batch)}. ${outcomeOf(batch.summary)}`);
  }

  showTrouble(answer) {
    const gone = [400, 404].includes(answer.status);
    if (gone) {
      Beacon.ofTab.tellBatch(null);
      this.content.hidden = true;
      this.summary.header.hidden = true;
      this.trouble.element.setAttribute("data-gone", "");
    }
    this.loading.hidden = true;
    const known = this.batch ? ` Below is how it was at ${timeOfDay(this.summary.at)}.` : "";
    this.trouble.show(troubleOf(answer) + (gone ? " Choose one of all batches, above." : known));
  }

  /** Have the API do something, once at a time; what it refuses is said in *place*. */
  async act(method, path, { place = this.summary, body = null, done = () => this.watch.now() } = {}) {
    const action = `${method} ${path}`;
    if (this.acting.has(action)) return;
    this.acting.add(action);
    place.complain("");
    const answer = await call(method, this.address + path, body ? { body } : {});
    this.acting.delete(action);
    if (wasAccepted(answer)) done();
    else place.complain(troubleOf(answer));
  }

  /** Change the name or the tags of the batch, and return the answer. */
  label(body) {
    return call("PATCH", this.address, { body });
  }

  /** Rename the batch, if it still has the name that was seen, and return why not and how it is called then. */
  async rename(name, before) {
    const answer = await this.label({ name, instead_of: before });
    this.watch.now();
    if (wasAccepted(answer)) return { refused: "", name: answer.body.name };
    const now = answer.status === 409 ? await call("GET", this.address) : null;
    return { refused: troubleOf(answer), name: now?.body?.name };
  }

  start() {
    const { total } = this.batch.summary;
    const text = "No more files can be added then. If an upload to this batch is still running, wait for its end.";
    this.question.ask(
      { title: `Start with ${counted(total, "file")}?`, text, yes: "Start", no: "Not yet" },
      () => this.act("POST", "/start"),
    );
  }

  retry() {
    this.act("POST", "/retry");
  }

  cancel() {
    const unfinished = this.batch.summary.total - finishedOf(this.batch.summary);
    const uploads = unfinished === 1
      ? "its upload removed unless you keep it"
      : "their uploads removed unless you keep them";
    const text = `${counted(unfinished, "unfinished job")} will be stopped, and ${uploads}. What is done stays.`;
    this.question.ask(
      { title: "Cancel this batch?", text, yes: "Cancel the batch", no: "Let it run", choice: KEEP.batch },
      (keep) => this.act("POST", "/cancel", { body: { keep } }),
    );
  }

  cancelJob(job, row) {
    const started = this.batch.state !== "uploading";
    const wording = started
      ? {
        title: "Cancel this job?",
        text: `${
          shownName(job.path)
        } will not be transcribed, and its upload is removed unless you keep it. The other jobs go on.`,
        yes: "Cancel the job",
        no: "Let it run",
        choice: KEEP.job,
      }
      : {
        title: "Remove this file?",
        text: `${shownName(job.path)} will not be part of the batch.`,
        yes: "Remove",
        no: "Keep it",
      };
    const path = `/jobs/${encodeURIComponent(job.job_id)}`;
    this.question.ask(wording, (keep) => this.act("DELETE", keep ? `${path}?keep=true` : path, { place: row }));
  }

  dismiss() {
    const { name, summary } = this.batch;
    const documents = summary.done ? ` with the documents of ${counted(summary.done, "job")}` : "";
    const text = `“${
      shownName(name)
    }” will be removed for everybody${documents}. This cannot be undone; download what you want to keep first.`;
    this.question.ask(
      { title: "Dismiss this batch?", text, yes: "Dismiss", no: "Keep it" },
      () => this.act("DELETE", "", { done: () => this.leave("dismissed", name) }),
    );
  }
}

/** The time of an answer, which the server tells in whole seconds: not before anything that it tells of. */
function latestOf(jobs, answeredAt) {
  const times = jobs.flatMap(({ started_at: from, ended_at: to }) => [from, to]).filter(Boolean);
  return Math.max(answeredAt, ...times.map(Date.parse));
}
