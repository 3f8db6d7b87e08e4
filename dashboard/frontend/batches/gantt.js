// Which device did what when: a bar for each attempt, in lanes, since a device begins a job while it ends another. Next
// to its name stands the share of the time in which it was busy, of that in which the batch was under way.

import { make, setAttribute } from "../shared/dom.js";
import { counted, duration, number, percentage, timeOfDay } from "../shared/formats.js";
import { shownName } from "../shared/names.js";
import { lanesOf, spansOf, sum, timesUnderWay } from "./timeline.js";
import { deviceName } from "./words.js";

const LANE_HEIGHT = 18;
const AXIS_HEIGHT = 22;
const LABEL_WIDTH = 104;
const SECONDS_BETWEEN_PAINTS = 4;
const NICE_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];

export class Gantt {
  constructor() {
    this.picture = make("div", { class: "picture" });
    this.body = make("tbody");
    const cells = ["Device", "Jobs", "Busy", "Share of the time"].map((name) => make("th", { scope: "col" }, name));
    this.table = make("table", { class: "unseen" }, make("thead", {}, make("tr", {}, ...cells)), this.body);
    this.element = make(
      "details",
      { class: "gantt", hidden: true, open: true },
      make("summary", {}, "Device timeline"),
      this.picture,
      this.table,
    );
    this.element.addEventListener("toggle", () => this.paint());
    new ResizeObserver(() => this.paint()).observe(this.picture);
  }

  /** Show the attempts of a batch's jobs, and the *devices* that have none of them. */
  show({ jobs, attempts }, at, devices) {
    const spans = spansOf(jobs, at);
    const sign = JSON.stringify([
      jobs.map((job) => [job.attempts, job.helpers]),
      attempts,
      devices,
      spans.map(({ pool }) => deviceName(pool)),
    ]);
    const running = spans.some(({ kind }) => kind === "busy");
    if (sign === this.sign && !(running && at - this.paintedAt >= SECONDS_BETWEEN_PAINTS * 1000)) return;
    Object.assign(this, { sign, spans, devices, paintedAt: at, times: timesUnderWay(attempts, spans, at) });
    this.element.hidden = !spans.length;
    this.paint();
  }

  paint() {
    if (!this.spans?.length || !this.element.open || !this.picture.clientWidth) return;
    const from = Math.min(...this.spans.map((span) => span.from));
    const to = Math.max(...this.spans.map((span) => span.to), from + 1000);
    const pools = lanesOf(this.spans, this.devices);
    const wall = Math.max(
      1000,
      sum(this.times.map((time) => ({ from: Math.max(time.from, from), to: Math.min(time.to, to) }))),
    );
    const width = this.picture.clientWidth;
    const scale = (width - LABEL_WIDTH - 8) / (to - from);
    const x = (time) => LABEL_WIDTH + (time - from) * scale;
    const height = AXIS_HEIGHT + pools.reduce((sum, pool) => sum + pool.lanes.length * LANE_HEIGHT + 6, 0);
    const label = `${counted(this.spans.length, "run")} on ${counted(pools.length, "device")} in ${
      duration(wall / 1000)
    }; the table below has the figures`;
    const svg = make(
      "svg",
      { width, height, role: "img", "aria-label": label },
      ...axis(from, to, x, height),
      ...this.pauses(x, height),
    );
    let y = AXIS_HEIGHT;
    for (const pool of pools) {
      const words = `${deviceName(pool.name)} · ${percentage(Math.min(1, pool.busy / wall))}`;
      const tip = make("title", {}, `${workOf(pool)}, busy for ${duration(pool.busy / 1000)}`);
      svg.append(make("text", { x: 0, y: y + LANE_HEIGHT / 2, "dominant-baseline": "central" }, words, tip));
      for (const lane of pool.lanes) {
        svg.append(...lane.map((span) => barOf(span, x, y)));
        y += LANE_HEIGHT;
      }
      y += 6;
    }
    this.picture.replaceChildren(svg);
    setAttribute(this.picture, "tabindex", this.picture.scrollHeight > this.picture.clientHeight ? 0 : null);
    this.body.replaceChildren(...pools.map((pool) => poolRow(pool, wall)));
  }

  /** The times between two tries of the batch, in which nothing was to be done. */
  pauses(x, height) {
    return this.times.slice(1).map(({ from }, index) => {
      const [begin, end] = [x(this.times[index].to), x(from)];
      const words = `Paused for ${duration((from - this.times[index].to) / 1000)}, until it was retried`;
      const place = { x: begin, y: AXIS_HEIGHT, width: Math.max(0, end - begin), height: height - AXIS_HEIGHT };
      return make("rect", { ...place, class: "pause" }, make("title", {}, words));
    });
  }
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

/** The jobs of a device in words, with those it only helped with. */
const workOf = ({ jobs, helps }) => `${counted(jobs, "job")}${helps ? `, help with ${number(helps)}` : ""}`;

function barOf({ job, number, word, kind, helps, from, to }, x, y) {
  const width = Math.max(2, x(to) - x(from) - 1);
  const attempt = !helps && job.attempts.length > 1 ? `, attempt ${number} of ${job.attempts.length}` : "";
  const words = `${shownName(job.path)}: ${word}${attempt}, ${duration((to - from) / 1000)} from ${timeOfDay(from)}`;
  return make(
    "rect",
    { x: x(from), y: y + 2, width, height: LANE_HEIGHT - 4, rx: 3, class: helps ? `${kind} help` : kind },
    make("title", {}, words),
  );
}

/** The picture of one device in words. */
function poolRow(pool, wall) {
  const { name, jobs, helps, busy } = pool;
  const cells = [
    deviceName(name),
    helps ? workOf(pool) : number(jobs),
    duration(busy / 1000),
    percentage(Math.min(1, busy / wall)),
  ];
  return make("tr", {}, ...cells.map((text) => make("td", {}, text)));
}
