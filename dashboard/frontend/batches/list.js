// All batches: newest first, found by name, in pages.

import { make, onPlainClick, setText } from "../shared/dom.js";
import { audioLength, counted, dayAndTime, number, percentage } from "../shared/formats.js";
import { inPlace, makeBar, partsOf, placeRows, showBadge, Trouble } from "./elements.js";
import { badgeOf, ENDED } from "./outcome.js";
import { settled, troubleOf, Watch } from "./watch.js";

const BATCHES_ON_A_PAGE = 20;
const LIST_SECONDS = { active: 4, quiet: 5 };
const places = { search: "", offset: 0 }; // where the list was left, for those who come back to it

export class ListView {
  /** With *recent*, so many newest batches and nothing to search or turn: for another page than that of all batches. */
  constructor(root, { notice, recent }, leave) {
    this.total = 0;
    this.recent = recent;
    this.places = recent ? { search: "", offset: 0 } : places;
    this.open = (batchId) => leave("opened", batchId);
    this.rows = new Map();
    this.trouble = new Trouble();
    this.notice = make("p", { class: "notice good", role: "status", tabindex: -1, hidden: !notice }, notice ?? "");
    this.search = make("input", {
      type: "search",
      placeholder: "Search by name",
      "aria-label": "Search batches by name",
    });
    this.search.value = places.search;
    this.search.addEventListener("input", settled(() => this.find(), 250));
    this.body = make("tbody", { role: "rowgroup" });
    this.table = make(
      "table",
      { role: "table", class: "batches", "aria-label": "Batches", hidden: true },
      this.head(),
      this.body,
    );
    this.loading = make("p", { class: "empty", hidden: Boolean(recent) }, "Loading the batches…");
    this.none = make("p", { class: "empty", hidden: true });
    this.first = make("p", { class: "empty", hidden: true }, "There are no batches yet. ", uploadLink(leave));
    this.pages = this.makePages();
    this.heading = make("h2", { class: "recent", hidden: true }, "Recent batches");
    root.replaceChildren(
      this.heading,
      make("div", { class: "tools", hidden: Boolean(recent) }, this.search),
      this.notice,
      this.trouble.element,
      this.loading,
      this.none,
      this.first,
      this.table,
      this.pages.element,
    );
    if (notice) this.notice.focus(); // what was focused has gone with the batch
    this.watch = new Watch({
      address: () => `/batch?${new URLSearchParams({ ...this.places, limit: recent ?? BATCHES_ON_A_PAGE })}`,
      onAnswer: (page) => this.refresh(page),
      onTrouble: (answer) => inPlace(this.body, () => this.showTrouble(answer)),
      pace: ({ batches }) => LIST_SECONDS[batches.every(({ state }) => ENDED.has(state)) ? "quiet" : "active"],
    });
  }

  stop() {
    this.watch.stop();
  }

  head() {
    const names = ["Name", "When", "State", "Progress", "Jobs", "Audio"];
    const cells = names.map((name) => make("th", { role: "columnheader", scope: "col" }, name));
    return make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...cells));
  }

  makePages() {
    const turn = (pages) => () => {
      const wanted = places.offset + pages * BATCHES_ON_A_PAGE;
      places.offset = Math.max(0, Math.min(wanted, lastOffset(this.total))); // a second click can come before an answer
      this.watch.now();
    };
    const newer = make("button", { type: "button", class: "button", onclick: turn(-1) }, "← Newer");
    const older = make("button", { type: "button", class: "button", onclick: turn(1) }, "Older →");
    const where = make("span", { role: "status" });
    const element = make("nav", { class: "pages", "aria-label": "Pages", hidden: true }, newer, where, older);
    return { element, newer, older, where };
  }

  find() {
    Object.assign(places, { search: this.search.value.trim(), offset: 0 });
    this.watch.now();
  }

  /** Show an answer. What one looks at stays in its place, unless another page or search was asked for. */
  refresh(page) {
    const asked = JSON.stringify(this.places);
    if (asked === this.shown) inPlace(this.body, () => this.show(page));
    else this.show(page);
    this.shown = asked;
  }

  show(page) {
    if (page.problems.length) this.trouble.show(page.problems.join(" "));
    else this.trouble.clear();
    if (this.places.offset > lastOffset(page.total)) {
      this.places.offset = lastOffset(page.total); // what was on this page has been dismissed
      this.watch.now();
      return;
    }
    this.total = page.total;
    this.table.hidden = !page.batches.length;
    this.showEmpty(!page.batches.length && !page.problems.length);
    const rows = page.batches.map((batch) => {
      const row = this.rows.get(batch.batch_id) ?? new ListRow(batch, this.open);
      row.show(batch);
      this.rows.set(batch.batch_id, row);
      return row.element;
    });
    placeRows(this.body, rows);
    this.showPages(page);
  }

  showEmpty(isEmpty) {
    this.loading.hidden = true;
    this.heading.hidden = !this.recent || isEmpty;
    this.none.hidden = !isEmpty || !this.places.search;
    this.first.hidden = !isEmpty || Boolean(this.places.search) || Boolean(this.recent);
    setText(this.none, `No batch has “${places.search}” in its name.`);
  }

  showTrouble(answer) {
    this.loading.hidden = true;
    if (!this.recent) this.trouble.show(troubleOf(answer)); // the page has said so already
  }

  showPages(page) {
    const { newer, older } = this.pages;
    const focused = newer.getRootNode().activeElement;
    const first = places.offset + 1;
    const last = places.offset + page.batches.length + page.problems.length;
    this.pages.element.hidden = Boolean(this.recent) || page.total <= BATCHES_ON_A_PAGE;
    newer.disabled = places.offset === 0;
    older.disabled = last >= page.total;
    if (focused === newer && newer.disabled) older.focus();
    if (focused === older && older.disabled) newer.focus();
    setText(this.pages.where, `${first}–${last} of ${counted(page.total, "batch", "batches")}`);
  }
}

/** Where the last page begins. */
const lastOffset = (total) => Math.max(0, Math.ceil(total / BATCHES_ON_A_PAGE) - 1) * BATCHES_ON_A_PAGE;

function uploadLink(leave) {
  const link = make("a", { href: "./" }, "Upload recordings");
  onPlainClick(link, () => leave("upload", true));
  return link;
}

class ListRow {
  constructor(batch, open) {
    const link = make("a", { href: `?batch=${batch.batch_id}`, title: batch.name }, make("bdi", {}, batch.name));
    onPlainClick(link, () => open(batch.batch_id));
    const made = new Date(batch.created_at);
    this.badge = make("span");
    this.bar = makeBar(`Progress of ${batch.name}`);
    this.percent = make("span", { class: "number" });
    this.jobs = make("td", { role: "cell", class: "counts" });
    this.audio = make("td", { role: "cell", class: "audio" });
    this.element = make(
      "tr",
      { role: "row" },
      make("td", { role: "cell", class: "name" }, link),
      make(
        "td",
        { role: "cell", class: "when" },
        make("time", { datetime: batch.created_at }, dayAndTime(made)),
      ),
      make("td", { role: "cell", class: "state" }, this.badge),
      make("td", { role: "cell", class: "progress" }, this.bar.element, this.percent),
      this.jobs,
      this.audio,
    );
  }

  show(batch) {
    const { summary } = batch;
    showBadge(this.badge, badgeOf(batch));
    this.bar.show(summary.progress, partsOf(summary));
    setText(this.percent, percentage(summary.progress));
    setText(this.jobs, jobCounts(summary));
    setText(this.audio, summary.audio_seconds ? audioLength(summary.audio_seconds) : "–");
  }
}

function jobCounts({ total, done, failed, cancelled }) {
  const parts = [`${number(done)} of ${number(total)} done`];
  if (failed) parts.push(`${number(failed)} failed`);
  if (cancelled) parts.push(`${number(cancelled)} cancelled`);
  return parts.join(", ");
}
