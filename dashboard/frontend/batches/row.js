// One job in the table.

import { make, onPlainClick, setAttribute, setText } from "../shared/dom.js";
import { duration, fileSize, number, percentage, timeLeft } from "../shared/formats.js";
import { shownName, visible } from "../shared/names.js";
import { optionsText } from "../shared/options.js";
import { badgeOfStage, makeBar, showBadge } from "./elements.js";
import { deviceName, helpOf, splitPath } from "./words.js";

export class JobRow {
  constructor(job, view, bulk) {
    this.view = view;
    const [folder, fileName] = splitPath(job.path);
    const name = shownName(fileName);
    Object.assign(this, { fileName, name, folder });
    this.box = make("input", {
      type: "checkbox",
      class: "box",
      "aria-label": `Select ${name}`,
      "data-job": job.job_id,
    });
    this.box.addEventListener("click", (event) => bulk.choose(job.job_id, this.box.checked, event.shiftKey));
    this.words = make("bdi");
    this.place = make("bdi");
    this.size = make("span");
    this.link = make("a", { title: shownName(job.path) }, this.words);
    onPlainClick(this.link, () => view.openTranscript(job));
    this.error = make("span");
    this.complaint = make("span", { role: "alert", hidden: true });
    this.errors = make("td", { role: "cell", class: "error", hidden: true }, this.error, " ", this.complaint);
    this.badge = make("span");
    this.attempt = make("span", { class: "small" });
    this.note = make("span", { class: "small" });
    this.bar = makeBar(`Progress of ${name}`);
    this.percent = make("span", { class: "number" });
    this.outlook = make("span", { class: "small" });
    this.help = make("span", { class: "small" });
    this.gpu = make("td", { role: "cell", class: "gpu", "data-label": "Device" });
    this.audio = make("td", { role: "cell", class: "audio", "data-label": "Audio" });
    this.time = make("td", { role: "cell", class: "time", "data-label": "Time" });
    this.links = make("td", { role: "cell", class: "links" });
    this.element = make(
      "tr",
      { role: "row", tabindex: -1 },
      make(
        "td",
        { role: "cell", class: "file" },
        this.box,
        this.link,
        make("span", { class: "small" }, this.place, this.size),
        make("span", { class: "small" }, optionsText(job.options ?? {})),
      ),
      make("td", { role: "cell", class: "stage" }, this.badge, this.attempt, this.note),
      make(
        "td",
        { role: "cell", class: "progress" },
        make("span", { class: "measure" }, this.bar.element, this.percent),
        this.outlook,
        this.help,
      ),
      this.gpu,
      this.audio,
      this.time,
      this.links,
      this.errors,
    );
  }

  show(job, at, phase) {
    const running = job.started_at && !job.ended_at;
    const device = job.work_pool ? deviceName(job.work_pool) : "";
    const help = helpOf(job);
    const sign = JSON.stringify([job, phase, device, help]);
    if (sign === this.sign && !running) return;
    this.sign = sign;
    this.job = job;
    this.element.dataset.stage = job.stage;
    const place = job.title ? job.path : this.folder;
    setText(this.words, visible(job.title || this.fileName));
    setText(this.place, visible(place));
    setText(this.size, `${place ? " · " : ""}${fileSize(job.size)}`);
    setAttribute(this.link, "href", job.stage === "done" ? `transcript?job=${encodeURIComponent(job.job_id)}` : null);
    if (job.stage !== this.stage) this.complain(""); // what could not be done then is another matter now
    this.stage = job.stage;
    setText(this.error, job.error ?? "");
    this.showErrors();
    showBadge(this.badge, badgeOfStage(job.stage));
    setText(this.attempt, job.attempt > 1 ? `attempt ${job.attempt}` : "");
    setText(this.note, job.note ?? "");
    this.bar.show(job.progress, job.stage === "done" ? { busy: 0, good: 1 } : { busy: job.progress, good: 0 });
    setText(this.percent, percentage(job.progress));
    setText(this.outlook, outlookOf(job));
    setText(this.help, help);
    setAttribute(this.outlook, "title", job.queue_position ? "Among the waiting jobs of all batches" : null);
    showFact(this.gpu, device);
    showFact(this.audio, job.audio_seconds ? duration(job.audio_seconds) : "");
    showFact(this.time, timeOf(job, at));
    this.showLinks(job, phase);
  }

  select(isSelected) {
    this.box.checked = isSelected;
    setAttribute(this.element, "data-selected", isSelected);
  }

  /** Say why what was asked for this job was not done. */
  complain(sentence) {
    setText(this.complaint, sentence);
    this.complaint.hidden = !sentence;
    this.showErrors();
  }

  showErrors() {
    this.errors.hidden = !(this.error.textContent || this.complaint.textContent);
  }

  /** What can be fetched and done; made anew only when that changes, so that a button keeps the focus. */
  showLinks(job, phase) {
    const removable = !["done", "failed", "cancelled"].includes(job.stage) && !phase.cancelling;
    const sign = JSON.stringify([job.documents, job.flow_run_url, removable, phase.started]);
    if (sign === this.linksSign) return;
    this.linksSign = sign;
    const focused = this.links.contains(this.links.getRootNode().activeElement);
    this.links.replaceChildren(
      ...job.documents.map((found) =>
        make("a", {
          class: "pill",
          href: found.url,
          download: "",
          "aria-label": `${found.format} of ${this.name}`,
          title: shownName(found.name),
        }, found.format)
      ),
      job.flow_run_url
        ? make("a", {
          class: "pill",
          href: job.flow_run_url,
          target: "_blank",
          rel: "noreferrer",
          "aria-label": `Prefect run of ${this.name}`,
        }, "run ↗")
        : "",
      removable ? this.cancelButton(phase.started) : "",
    );
    if (focused) this.element.focus();
  }

  cancelButton(started) {
    const word = started ? "Cancel" : "Remove";
    const button = make(
      "button",
      { type: "button", class: "pill danger", "aria-label": `${word} ${this.name}` },
      word,
    );
    button.addEventListener("click", () => this.view.cancelJob(this.job, this));
    return button;
  }
}

/** Show a fact in its cell; one that is not known yet is a dash, or nothing where rows are cards. */
function showFact(cell, text) {
  setText(cell, text || "–");
  setAttribute(cell, "data-none", text ? null : "");
}

/** What is to be expected of a job that is not done. */
function outlookOf({ queue_position: position, eta_seconds: eta }) {
  const parts = [];
  if (position !== null) parts.push(`Queue position: ${number(position)}`);
  if (eta !== null) parts.push(timeLeft(eta));
  return parts.join(" · ");
}

/** How long the latest attempt took, or has taken so far. */
function timeOf({ started_at: startedAt, ended_at: endedAt }, at) {
  if (!startedAt) return "";
  return duration(Math.max(0, ((endedAt ? new Date(endedAt) : at) - new Date(startedAt)) / 1000));
}
