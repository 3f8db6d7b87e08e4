// The table of a batch's jobs: a row is made when it comes near the screen, and changed only where the job changed.

import { make, setAttribute, setText } from "../shared/dom.js";
import { capitalised, counted, number } from "../shared/formats.js";
import { Bulk } from "./bulk.js";
import { placeRows } from "./elements.js";
import { JobRow } from "./row.js";
import { settled } from "./watch.js";

const ROWS_AT_ONCE = 100;
const STAGES = ["uploaded", "converting", "queued", "transcribing", "storing", "done", "failed", "cancelled"];
const COLUMNS = ["File", "Stage", "Progress", "Device", "Audio", "Time", "Actions", "Error"];

export class JobTable {
  constructor(view) {
    this.view = view;
    this.rows = new Map();
    this.jobs = [];
    this.stage = "";
    this.limit = ROWS_AT_ONCE;
    this.chips = new Map();
    this.group = make("div", { class: "chips", role: "group", "aria-label": "Show jobs by stage" });
    this.find = make("input", { type: "search", placeholder: "Find a file", "aria-label": "Find a file" });
    this.find.addEventListener("input", settled(() => this.filter(this.stage), 150));
    for (const stage of ["", ...STAGES]) this.makeChip(stage);
    this.body = make("tbody", { role: "rowgroup" });
    this.bulk = new Bulk(view, () => this.paint());
    this.body.addEventListener("keydown", (event) => this.bulk.press(event, this.body));
    const cells = COLUMNS.map((name) => make("th", { role: "columnheader", scope: "col" }, name));
    const head = make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...cells));
    this.table = make("table", { role: "table", class: "jobs", "aria-label": "Jobs" }, head, this.body);
    this.none = make("p", { class: "empty", role: "status", hidden: true });
    this.more = make("button", { type: "button", class: "button more", hidden: true, onclick: () => this.showMore() });
    this.element = make(
      "section",
      { "aria-label": "Jobs" },
      make("div", { class: "tools" }, this.group, this.find),
      this.bulk.element,
      this.table,
      this.none,
      this.more,
    );
    this.nearEnd = new IntersectionObserver((seen) => seen.some((entry) => entry.isIntersecting) && this.showMore());
    this.nearEnd.observe(this.more);
  }

  stop() {
    this.nearEnd.disconnect();
  }

  makeChip(stage) {
    const count = make("span", { class: "number" });
    const chip = make(
      "button",
      { type: "button", class: "chip", "aria-pressed": String(!stage) },
      stage ? capitalised(stage) : "All",
      " ",
      count,
    );
    chip.addEventListener("click", () => this.filter(stage));
    this.chips.set(stage, { chip, count });
    this.group.append(chip);
  }

  filter(stage) {
    this.stage = stage;
    this.limit = ROWS_AT_ONCE;
    for (const [own, { chip }] of this.chips) chip.setAttribute("aria-pressed", String(own === stage));
    this.paint();
  }

  showMore() {
    if (this.more.hidden) return;
    this.limit += ROWS_AT_ONCE;
    this.paint();
  }

  show(jobs, at, phase) {
    Object.assign(this, { jobs, at, phase });
    this.paint();
  }

  paint() {
    this.paintChips();
    const words = this.find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = this.jobs.filter(
      (job) =>
        (!this.stage || job.stage === this.stage) &&
        words.every((word) => `${job.path} ${job.title}`.toLowerCase().includes(word)),
    );
    if (this.phase) this.bulk.show(this.jobs, matching, this.phase);
    const rows = matching.slice(0, this.limit).map((job) => {
      const row = this.rows.get(job.job_id) ?? new JobRow(job, this.view, this.bulk);
      row.show(job, this.at, this.phase);
      row.select(this.bulk.selection.ids.has(job.job_id));
      this.rows.set(job.job_id, row);
      return row.element;
    });
    this.placeRows(rows);
    const rest = matching.length - rows.length;
    setAttribute(this.table, "aria-rowcount", matching.length + 1);
    this.table.hidden = !matching.length;
    this.more.hidden = !rest;
    setText(this.more, `Show more (${counted(rest, "file")})`);
    this.none.hidden = Boolean(matching.length);
    setText(this.none, this.jobs.length ? "No job is like that at the moment." : "No file has been uploaded yet.");
  }

  /** A row that goes because its job is at another stage now takes no focus with it. */
  placeRows(rows) {
    const isFocusHere = () => this.body.contains(this.body.getRootNode().activeElement);
    const wasFocusHere = isFocusHere();
    placeRows(this.body, rows);
    if (wasFocusHere && !isFocusHere()) this.chips.get(this.stage).chip.focus();
  }

  paintChips() {
    const counts = new Map([["", this.jobs.length]]);
    for (const { stage } of this.jobs) counts.set(stage, (counts.get(stage) ?? 0) + 1);
    for (const [stage, { chip, count }] of this.chips) {
      setText(count, number(counts.get(stage) ?? 0));
      chip.hidden = Boolean(stage) && !counts.get(stage) && this.stage !== stage;
    }
  }
}
