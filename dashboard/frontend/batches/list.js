// All batches: newest first, found by name, in pages.

import { make, onPlainClick, setAttribute, setText } from "../shared/dom.js";
import { audioLength, counted, dayAndTime, number, percentage } from "../shared/formats.js";
import { shownName, visible } from "../shared/names.js";
import { inPlace, makeBar, partsOf, placeRows, showBadge, Trouble } from "./elements.js";
import { ListFilters, noneSentence } from "./filters.js";
import { badgeOf, ENDED } from "./outcome.js";
import { troubleOf, Watch } from "./watch.js";

const BATCHES_ON_A_PAGE = 20;
const LIST_SECONDS = { active: 4, quiet: 5 };
const NOTHING = { search: "", tag: "", state: "" };
const left = { sign: JSON.stringify(NOTHING), offset: 0 }; // the page where the list was left, for those who come back to it

export class ListView {
  /** With *recent*, so many newest batches and nothing to search or turn: for another page than that of all batches. */
  constructor(root, { notice, recent, wanted }, leave) {
    this.total = 0;
    this.recent = recent;
    this.leave = leave;
    this.wanted = { ...NOTHING, ...wanted };
    this.offset = !recent && left.sign === JSON.stringify(this.wanted) ? left.offset : 0;
    this.open = (batchId) => leave("opened", batchId);
    this.rows = new Map();
    this.trouble = new Trouble();
    this.notice = make("p", { class: "notice good", role: "status", tabindex: -1, hidden: !notice }, notice ?? "");
    this.filters = new ListFilters((changed) => this.want(changed), () => this.keepAddress());
    this.filters.show(this.wanted);
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
      recent ? "" : this.filters.element,
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
      address: () => `/batch?${new URLSearchParams(this.asked(recent ?? BATCHES_ON_A_PAGE))}`,
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
      const wanted = this.offset + pages * BATCHES_ON_A_PAGE;
      this.turnTo(Math.max(0, Math.min(wanted, lastOffset(this.total)))); // a second click can come before an answer
      this.watch.now();
    };
    const newer = make("button", { type: "button", class: "button", onclick: turn(-1) }, "← Newer");
    const older = make("button", { type: "button", class: "button", onclick: turn(1) }, "Older →");
    const where = make("span", { role: "status" });
    const element = make("nav", { class: "pages", "aria-label": "Pages", hidden: true }, newer, where, older);
    return { element, newer, older, where };
  }

  /** The parameters of the API for what is wanted. */
  asked(limit) {
    const filters = Object.fromEntries(Object.entries(this.wanted).filter(([, value]) => value));
    return { ...filters, offset: this.offset, limit };
  }

  turnTo(offset) {
    this.offset = offset;
    Object.assign(left, { sign: JSON.stringify(this.wanted), offset });
  }

  /** Want other batches than before. */
  want(changed) {
    this.wanted = { ...this.wanted, ...changed };
    this.turnTo(0);
    this.watch.now();
  }

  /** Put into the address what is wanted, so that it can be bookmarked, shared and gone back to. */
  keepAddress() {
    const sign = JSON.stringify(this.wanted);
    if (sign === this.sent) return;
    this.sent = sign;
    this.leave("filtered", this.wanted);
  }

  /** Take other data of the page, unless they ask for another view: the address says what is wanted. */
  follows({ batch_id: batchId, recent, notice, wanted }) {
    if (batchId || recent || notice) return false;
    const given = { ...NOTHING, ...wanted };
    const sign = JSON.stringify(given);
    if (sign !== this.sent && sign !== JSON.stringify(this.wanted)) {
      this.filters.show(given);
      this.want(given);
    }
    this.sent = sign;
    return true;
  }

  /** Show an answer. What one looks at stays in its place, unless another page or search was asked for. */
  refresh(page) {
    const asked = JSON.stringify([this.wanted, this.offset]);
    if (asked === this.shown) inPlace(this.body, () => this.show(page));
    else this.show(page);
    this.shown = asked;
  }

  show(page) {
    if (page.problems.length) this.trouble.show(page.problems.join(" "));
    else this.trouble.clear();
    if (this.offset > lastOffset(page.total)) {
      this.turnTo(lastOffset(page.total)); // what was on this page has been dismissed
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
    const isFiltered = Object.values(this.wanted).some(Boolean);
    this.none.hidden = !isEmpty || !isFiltered;
    this.first.hidden = !isEmpty || isFiltered || Boolean(this.recent);
    setText(this.none, noneSentence(this.wanted));
  }

  showTrouble(answer) {
    this.loading.hidden = true;
    if (!this.recent) this.trouble.show(troubleOf(answer)); // the page has said so already
  }

  showPages(page) {
    const { newer, older } = this.pages;
    const focused = newer.getRootNode().activeElement;
    const first = this.offset + 1;
    const last = this.offset + page.batches.length + page.problems.length;
    this.pages.element.hidden = Boolean(this.recent) || page.total <= BATCHES_ON_A_PAGE;
    newer.disabled = this.offset === 0;
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
    this.name = make("bdi");
    this.tags = make("span", { class: "small tagged" });
    const link = (this.link = make("a", { href: `?batch=${batch.batch_id}` }, this.name));
    onPlainClick(link, () => open(batch.batch_id));
    const made = new Date(batch.created_at);
    this.badge = make("span");
    this.bar = makeBar("");
    this.percent = make("span", { class: "number" });
    this.jobs = make("td", { role: "cell", class: "counts" });
    this.audio = make("td", { role: "cell", class: "audio" });
    this.element = make(
      "tr",
      { role: "row" },
      make("td", { role: "cell", class: "name" }, link, this.tags),
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
    setText(this.name, visible(batch.name));
    setAttribute(this.link, "title", shownName(batch.name));
    setAttribute(this.bar.element, "aria-label", `Progress of ${shownName(batch.name)}`);
    setText(this.tags, batch.tags.join(" · "));
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
