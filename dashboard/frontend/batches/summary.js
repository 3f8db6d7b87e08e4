// What a batch has come to, which jobs failed and why, and the buttons.

import { API } from "../shared/api.js";
import { TellMe } from "../notices/tell_me.js";
import { wishes } from "../notices/wishes.js";
import { make, setAttribute, setText } from "../shared/dom.js";
import { NameField } from "../shared/name_field.js";
import { audioLength, counted, dayAndTime, duration, number, percentage, timeLeft } from "../shared/formats.js";
import { nameElement, shownName, visible } from "../shared/names.js";
import { makeBar, partsOf, showBadge } from "./elements.js";
import { againOf, badgeOf, ENDED, finishedOf, titleOf } from "./outcome.js";
import { Tags } from "./tags.js";
import { reasonBehind } from "./words.js";

const ALIKE = 4; // as many failures of one cause are told together
const NAMED_AT_ONCE = 20;

export class Summary {
  constructor(view) {
    this.view = view;
    this.name = make("bdi");
    this.naming = new NameField({
      shown: make("h1", {}, this.name),
      what: "batch",
      save: (name, before) => view.rename(name, before),
    });
    this.tags = new Tags({ change: (body) => view.label(body), open: (tag) => view.leave("tagged", tag) });
    this.badge = make("span");
    this.made = make("span", { class: "made" });
    this.run = make("a", { target: "_blank", rel: "noreferrer", hidden: true }, "Run in Prefect ↗");
    this.header = make(
      "header",
      { hidden: true },
      this.naming.element,
      make("p", { class: "facts" }, this.badge, this.made, this.run),
      this.tags.element,
    );
    this.title = make("h2", { tabindex: -1 });
    this.notice = make("p", { class: "notice warn", role: "status", hidden: true });
    this.good = make("span", { class: "good" });
    this.bad = make("span", { class: "bad" });
    this.stopped = make("span", { class: "warn" });
    this.bar = makeBar("Progress of the batch");
    this.facts = make("p", { class: "facts" });
    this.failures = make("div", { class: "failures", hidden: true });
    this.unusable = make("p", { role: "status", hidden: true });
    this.removed = make("p", { class: "removed", role: "status", hidden: true });
    this.complaint = make("p", { class: "notice bad", role: "alert", hidden: true });
    this.tellMe = new TellMe({
      isOn: () => wishes.has(view.batchId),
      set: (on) => wishes.set(view.batchId, on),
    });
    this.makeButtons();
    this.element = make(
      "section",
      { class: "summary", "aria-label": "Summary" },
      this.title,
      this.notice,
      this.outcome = make("p", { class: "outcome" }, this.good, this.bad, this.stopped),
      this.bar.element,
      this.facts,
      this.failures,
      this.unusable,
      this.removed,
      this.complaint,
      this.tellMe.element,
      make("div", { class: "buttons" }, ...Object.values(this.buttons)),
    );
  }

  makeButtons() {
    const button = (words, act, kind = "") => {
      const element = make("button", { type: "button", class: `button ${kind}`, hidden: true }, words);
      element.addEventListener("click", () => act.call(this.view));
      return element;
    };
    this.buttons = {
      start: button("Start Batch", this.view.start),
      retry: button("Retry Failed", this.view.retry),
      download: make(
        "a",
        { class: "button", href: `${API}${this.view.address}/results.zip`, download: "", hidden: true },
        "Download All",
      ),
      cancel: button("Cancel Batch", this.view.cancel, "danger"),
      dismiss: button("Dismiss", this.view.dismiss, "danger"),
    };
  }

  show(batch, at) {
    this.at = at;
    const { summary, state } = batch;
    this.header.hidden = false;
    setText(this.name, visible(batch.name));
    this.naming.know(batch.name);
    this.tags.show(batch.tags);
    showBadge(this.badge, badgeOf(batch));
    const firstName = batch.first_name === batch.name ? "" : ` as “${shownName(batch.first_name)}”`;
    setText(this.made, `Created ${dayAndTime(new Date(batch.created_at))}${firstName}`);
    this.run.hidden = !batch.flow_run_url;
    setAttribute(this.run, "href", batch.flow_run_url);
    setText(this.title, titleOf(batch));
    this.notice.hidden = !batch.notice;
    setText(this.notice, batch.notice);
    this.outcome.hidden = state === "uploading";
    setText(this.good, summary.done || ENDED.has(state) ? `✓ ${number(summary.done)} succeeded` : "");
    setText(this.bad, summary.failed ? `✗ ${number(summary.failed)} failed` : "");
    setText(this.stopped, summary.cancelled ? `⊘ ${number(summary.cancelled)} cancelled` : "");
    this.bar.show(summary.progress, partsOf(summary));
    setText(this.facts, factsOf(batch).join(" · "));
    this.showFailures(batch);
    this.showButtons(batch);
  }

  /** Show what can be done now. Whoever pressed what then goes is led to the title, which says what came of it. */
  showButtons(batch) {
    const { state, summary, jobs } = batch;
    const { start, retry, download, cancel, dismiss } = this.buttons;
    const focused = this.element.getRootNode().activeElement;
    const ended = ENDED.has(state);
    start.hidden = state !== "uploading" || !summary.total;
    const again = jobs.filter((job) => job.runs_again);
    const removed = again.filter((job) => job.upload_removed).length;
    retry.hidden = !ended || again.length === removed;
    setText(retry, againOf(batch) + (removed ? ` (${again.length - removed} of ${again.length})` : ""));
    const unusable = jobs.filter((job) => job.unusable).length;
    this.unusable.hidden = !ended || !unusable;
    setText(this.unusable, unusableFiles(unusable));
    this.removed.hidden = !ended || !removed;
    setText(this.removed, removedUploads(removed));
    download.hidden = !summary.done;
    cancel.hidden = !["waiting", "running"].includes(state);
    dismiss.hidden = !(ended || state === "uploading");
    this.tellMe.element.hidden = ended;
    this.tellMe.show();
    if (this.element.contains(focused) && focused.closest("[hidden]")) this.title.focus();
  }

  /** The failed jobs, those of one cause together; written anew only when they change. */
  showFailures({ causes, jobs }) {
    const sign = JSON.stringify(causes);
    if (sign === this.failuresSign) return;
    this.failuresSign = sign;
    this.failures.hidden = !causes.length;
    const byId = new Map(jobs.map((job) => [job.job_id, job]));
    const items = causes.flatMap(({ reason, job_ids: jobIds }) => {
      const failed = jobIds.map((jobId) => byId.get(jobId));
      return failed.length < ALIKE ? failed.map(failedJob) : [failedJobs(reason, failed)];
    });
    this.failures.replaceChildren(make("h3", {}, "Failed jobs:"), make("ul", {}, ...items));
  }

  complain(sentence) {
    setText(this.complaint, sentence);
    this.complaint.hidden = !sentence;
  }
}

function failedJob({ path, error }) {
  return make("li", {}, nameElement(path, { class: "strong" }), ` - ${reasonBehind(path, error)}`);
}

/** Many jobs that failed for one reason: the reason once, the names on demand. */
function failedJobs(reason, failed) {
  const named = failed.slice(0, NAMED_AT_ONCE).map(({ path }) => make("li", {}, nameElement(path)));
  const more = failed.length - named.length;
  if (more) named.push(make("li", {}, `and ${number(more)} more: the filter “Failed” below shows them all`));
  const head = make("summary", {}, make("span", { class: "strong" }, counted(failed.length, "job")), ` - ${reason}`);
  return make("li", {}, make("details", {}, head, make("ul", {}, ...named)));
}

/** Files that a retry can't make better, and what to do. */
function unusableFiles(count) {
  return count === 1
    ? "One file cannot be transcribed as it is: a retry comes to the same end. Mend or replace it, then upload it again."
    : `${number(count)} files cannot be transcribed as they are: a retry comes to the same end. ` +
      "Mend or replace them, then upload them again.";
}

/** What can't be retried any more, and what to do. */
function removedUploads(count) {
  const [uploads, them] = count === 1
    ? ["upload of 1 job was", "it"]
    : [`uploads of ${number(count)} jobs were`, "them"];
  return `The ${uploads} removed; to transcribe ${them}, upload ${them} again.`;
}

/** How far the batch is and how long it takes or took, as separate statements. */
function factsOf(batch) {
  const { state, summary, attempts } = batch;
  const finished = finishedOf(summary);
  const facts = [];
  if (state === "uploading") return [`${counted(summary.total, "file")} uploaded`, "not started yet"];
  if (!ENDED.has(state)) {
    facts.push(
      percentage(summary.progress) + (summary.audio_seconds ? " of the audio" : ""),
      `${number(finished)} of ${counted(summary.total, "file")} finished`,
    );
    const left = timeLeftOf(batch);
    if (left) facts.push(left);
  } else facts.push(counted(summary.total, "file"));
  if (summary.audio_seconds) facts.push(`${audioLength(summary.audio_seconds)} of audio`);
  const took = attempts.reduce(
    (sum, { started_at: from, ended_at: to }) => sum + (to ? Date.parse(to) - Date.parse(from) : 0),
    0,
  );
  if (ENDED.has(state) && took) {
    facts.push(`took ${duration(took / 1000)}${attempts.length > 1 ? ` in ${attempts.length} tries` : ""}`);
  }
  return facts;
}

/** When the last job will be done; while that of some is unknown, when the last of the others will; "" if of none. */
function timeLeftOf({ summary, jobs }) {
  if (summary.eta_seconds !== null) return timeLeft(summary.eta_seconds);
  const known = jobs.map((job) => job.eta_seconds).filter((seconds) => seconds !== null);
  return known.length ? timeLeft(Math.max(...known), "more than") : "";
}
