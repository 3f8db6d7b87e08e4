// The parts of which the views of batches are made.

import { make, scrollerOf, setAttribute, setText } from "../shared/dom.js";
import { capitalised } from "../shared/formats.js";

/** A progress bar with a name for those who don't see it. Its parts are shares, each in the colour of its kind. */
export function makeBar(label) {
  const fills = {};
  const bar = make("div", {
    class: "bar",
    role: "progressbar",
    "aria-label": label,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  return {
    element: bar,
    show(share, parts) {
      setAttribute(bar, "aria-valuenow", Math.floor(share * 100));
      for (const [kind, part] of Object.entries(parts)) {
        if (!fills[kind]) bar.append(fills[kind] = make("span", { class: `fill ${kind}` }));
        const width = `${(part * 100).toFixed(1)}%`;
        if (fills[kind].style.width !== width) fills[kind].style.width = width;
      }
    },
  };
}

/** The parts of a batch's bar: all of them are shares of its audio, as the percentage next to it is. */
export function partsOf({ progress, progress_done: good, progress_failed: bad, progress_cancelled: warn }) {
  return { good, bad, warn, busy: Math.max(0, progress - good - bad - warn) };
}

/** Show a badge: its word, and a sign for those who can't tell the colours. */
export function showBadge(element, { word, sign, kind }) {
  if (element.dataset.word === word) return;
  element.dataset.word = word;
  element.className = `badge ${kind}`;
  element.replaceChildren(make("span", { "aria-hidden": "true" }, sign), ` ${word}`);
}

/** The badge of a job at *stage*. */
export function badgeOfStage(stage) {
  const [sign, kind] = STAGES[stage] ?? ["", "quiet"];
  return { word: capitalised(stage), sign, kind };
}

const STAGES = {
  uploaded: ["○", "quiet"],
  converting: ["↻", "busy"],
  queued: ["○", "quiet"],
  transcribing: ["↻", "busy"],
  storing: ["↻", "busy"],
  cancelled: ["⊘", "warn"],
  done: ["✓", "good"],
  failed: ["✗", "bad"],
};

/** Have *body* hold exactly *rows*, in this order; those that stay are not touched, so focus and scroll survive. */
export function placeRows(body, rows) {
  const wanted = new Set(rows);
  for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
  let place = body.firstElementChild;
  for (const row of rows) {
    if (row === place) place = place.nextElementSibling;
    else body.insertBefore(row, place);
  }
}

/**
 * Make a change, and have what people look at stay where it is on the screen: the row of *body* that has the focus, or
 * else the first one in view. A page that is at its top stays there.
 *
 * Some browsers do so by themselves, with the next frame; others never do.
 */
export function inPlace(body, change) {
  const scroller = scrollerOf(body);
  if (scroller.scrollTop <= 0) {
    change();
    return;
  }
  const tops = rowsInView(body).map((row) => [row, row.getBoundingClientRect().top]);
  change();
  const kept = tops.find(([row]) => isShown(row));
  if (!kept) return;
  const scrolledTo = keep(scroller, ...kept);
  // The height of a new row above is an estimate until it is laid out with the next frame. Whoever scrolls meanwhile leads.
  requestAnimationFrame(() => setTimeout(() => scroller.scrollTop === scrolledTo && keep(scroller, ...kept)));
}

/** Scroll so that *row*, if it is still shown, stands at *top*, and return where the scroller is then. */
function keep(scroller, row, top) {
  const moved = isShown(row) ? row.getBoundingClientRect().top - top : 0;
  if (moved) scroller.scrollBy({ top: moved, behavior: "instant" });
  return scroller.scrollTop;
}

/** Whether a row is neither removed nor hidden. */
const isShown = (row) => row.getClientRects().length > 0;

/** Return the rows of *body* on the screen, the one with the focus first. */
function rowsInView(body) {
  const inView = [...body.children].filter((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  });
  const focus = body.getRootNode().activeElement;
  return inView.sort((one, other) => other.contains(focus) - one.contains(focus));
}

/** What does not answer and what to do; it says so once, and goes by itself. */
export class Trouble {
  constructor() {
    this.element = make("div", { class: "notice bad", role: "alert", hidden: true });
  }

  show(sentence) {
    setText(this.element, sentence);
    this.element.hidden = false;
  }

  clear() {
    this.element.hidden = true;
    setText(this.element, "");
  }
}
