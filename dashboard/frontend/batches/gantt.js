// Which GPU did what when: a bar for each job, in lanes, since a GPU begins a job while it ends another. Beside its name
// stands the share of the time in which it was busy.

import { make, setAttribute } from "../shared/dom.js";
import { counted, duration, number, percentage, timeOfDay } from "../shared/formats.js";
import { badgeOfStage } from "./elements.js";
import { gpuName } from "./words.js";

const LANE_HEIGHT = 18;
const AXIS_HEIGHT = 22;
const LABEL_WIDTH = 104;
const SECONDS_BETWEEN_PAINTS = 4;
const NICE_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

export class Gantt {
  constructor() {
    this.picture = make("div", { class: "picture" });
    this.body = make("tbody");
    const cells = ["GPU", "Jobs", "Busy", "Share of the time"].map((name) => make("th", { scope: "col" }, name));
    this.table = make("table", { class: "unseen" }, make("thead", {}, make("tr", {}, ...cells)), this.body);
    this.element = make(
      "details",
      { class: "gantt", hidden: true, open: true },
      make("summary", {}, "Which GPU did what when"),
      this.picture,
      this.table,
    );
    this.element.addEventListener("toggle", () => this.paint());
    new ResizeObserver(() => this.paint()).observe(this.picture);
  }

  show(jobs, at) {
    const spans = jobs
      .filter((job) => job.work_pool && job.started_at)
      .map((job) => ({ job, from: Date.parse(job.started_at), to: job.ended_at ? Date.parse(job.ended_at) : at }))
      .sort((one, other) => one.from - other.from);
    const sign = spans.map(({ job }) => `${job.job_id}${job.started_at}${job.ended_at}${job.stage}`).join();
    const running = spans.some(({ job }) => !job.ended_at);
    if (sign === this.sign && !(running && at - this.paintedAt >= SECONDS_BETWEEN_PAINTS * 1000)) return;
    Object.assign(this, { sign, spans, paintedAt: at });
    this.element.hidden = !spans.length;
    this.paint();
  }

  paint() {
    if (!this.spans?.length || !this.element.open || !this.picture.clientWidth) return;
    const from = Math.min(...this.spans.map((span) => span.from));
    const to = Math.max(...this.spans.map((span) => span.to), from + 1000);
    const pools = lanesOf(this.spans);
    const width = this.picture.clientWidth;
    const scale = (width - LABEL_WIDTH - 8) / (to - from);
    const x = (time) => LABEL_WIDTH + (time - from) * scale;
    const height = AXIS_HEIGHT + pools.reduce((sum, pool) => sum + pool.lanes.length * LANE_HEIGHT + 6, 0);
    const label = `${counted(this.spans.length, "run")} on ${counted(pools.length, "GPU")} within ${
      duration((to - from) / 1000)
    }; the table below has the figures`;
    const svg = make("svg", { width, height, role: "img", "aria-label": label }, ...axis(from, to, x, height));
    let y = AXIS_HEIGHT;
    for (const pool of pools) {
      const words = `${gpuName(pool.name)} · ${percentage(pool.busy / (to - from))}`;
      const tip = make("title", {}, `${counted(pool.jobs, "job")}, busy for ${duration(pool.busy / 1000)}`);
      svg.append(make("text", { x: 0, y: y + LANE_HEIGHT / 2, "dominant-baseline": "central" }, words, tip));
      for (const lane of pool.lanes) {
        svg.append(...lane.map((span) => barOf(span, x, y)));
        y += LANE_HEIGHT;
      }
      y += 6;
    }
    this.picture.replaceChildren(svg);
    setAttribute(this.picture, "tabindex", this.picture.scrollHeight > this.picture.clientHeight ? 0 : null);
    this.body.replaceChildren(...pools.map((pool) => poolRow(pool, to - from)));
  }
}

/** The spans by GPU, each in the first lane that is free when it begins. */
function lanesOf(spans) {
  const pools = new Map();
  for (const span of spans) {
    const lanes = pools.get(span.job.work_pool) ?? pools.set(span.job.work_pool, []).get(span.job.work_pool);
    const free = lanes.find((lane) => lane.at(-1).to <= span.from);
    if (free) free.push(span);
    else lanes.push([span]);
  }
  const collator = new Intl.Collator("en", { numeric: true });
  return [...pools]
    .map(([name, lanes]) => ({ name, lanes, jobs: lanes.flat().length, busy: busyTime(lanes.flat()) }))
    .sort((one, other) => collator.compare(one.name, other.name));
}

function axis(from, to, x, height) {
  const seconds = (to - from) / 1000;
  const wanted = seconds / Math.max(2, Math.min(8, (x(to) - x(from)) / 110));
  const step = NICE_STEPS.find((nice) => nice >= wanted) ?? NICE_STEPS.at(-1);
  const marks = [];
  for (let passed = 0; passed <= seconds; passed += step) {
    const place = x(from + passed * 1000);
    marks.push(make("line", { x1: place, x2: place, y1: AXIS_HEIGHT - 4, y2: height, class: "grid" }));
    if (place < x(to) - 40 || !passed) marks.push(make("text", { x: place, y: 10, class: "mark" }, duration(passed)));
  }
  return marks;
}

function barOf({ job, from, to }, x, y) {
  const width = Math.max(2, x(to) - x(from) - 1);
  const words = `${job.path}: ${job.stage}, ${duration((to - from) / 1000)} from ${timeOfDay(from)}`;
  return make(
    "rect",
    { x: x(from), y: y + 2, width, height: LANE_HEIGHT - 4, rx: 3, class: badgeOfStage(job.stage).kind },
    make("title", {}, words),
  );
}

/** The time during which at least one of *spans* lasted. */
function busyTime(spans) {
  let busy = 0;
  let until = 0;
  for (const { from, to } of spans.sort((one, other) => one.from - other.from)) {
    busy += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return busy;
}

/** The picture of one GPU in words. */
function poolRow({ name, jobs, busy }, wall) {
  const cells = [gpuName(name), number(jobs), duration(busy / 1000), percentage(busy / wall)];
  return make("tr", {}, ...cells.map((text) => make("td", {}, text)));
}
