// The elements of what is found. Names and sentences only ever become text, never markup.

import { make, onPlainClick } from "../shared/dom.js";
import { clock, counted } from "../shared/formats.js";
import { shownName, visible } from "../shared/names.js";
import { partsOf, placeOf } from "./found.js";

const HITS_SHOWN = 3;

/**
 * Return a recording with its best sentences; *leave* goes to one of them, or to its batch. *onlyBatch* searches in its
 * batch alone; null if that is so already.
 */
export function recordingElement(recording, leave, onlyBatch) {
  const { batch_id: batchId, batch_name: batch, path, title, hits, total_hits: total } = recording;
  const shown = hits.slice(0, HITS_SHOWN);
  const others = hits.slice(HITS_SHOWN);
  const name = placeLink(
    recording,
    shown[0]?.start,
    leave,
    { class: "path" },
    make("bdi", {}, ...markedName(title.text ? title : path)),
  );
  const toBatch = make("a", { href: `batches?batch=${batchId}` }, make("bdi", {}, ...markedName(batch)));
  onPlainClick(toBatch, () => leave("batch", batchId));
  return make(
    "li",
    { class: "recording" },
    make("h2", {}, name),
    make(
      "p",
      { class: "small" },
      title.text && make("bdi", {}, ...markedName(path)),
      title.text && " · ",
      toBatch,
      total ? ` · ${counted(total, "sentence")}` : " · found by its name",
      onlyBatch && " · ",
      onlyBatch && onlyBatchButton(batch, () => onlyBatch(batchId)),
    ),
    shown.length ? hitList(recording, shown, leave) : null,
    others.length ? moreHits(recording, others, total, leave) : null,
  );
}

function onlyBatchButton(batch, search) {
  const label = `Search only in ${shownName(batch.text)}`;
  return make("button", { type: "button", class: "link", "aria-label": label, onclick: search }, "only this batch");
}

function hitList(recording, hits, leave) {
  return make("ul", { class: "hits" }, ...hits.map((hit) => make("li", {}, hitLink(recording, hit, leave))));
}

function hitLink(recording, hit, leave) {
  const time = hit.start === null ? null : make("span", { class: "time" }, clock(hit.start));
  const sentence = make("span", { class: "sentence", dir: "auto" }, ...marked(hit));
  return placeLink(recording, hit.start, leave, { class: "hit" }, time, sentence);
}

function moreHits(recording, hits, total, leave) {
  const told = total > hits.length + HITS_SHOWN
    ? `${hits.length} more of ${total - HITS_SHOWN}`
    : counted(hits.length, "more sentence");
  return make("details", {}, make("summary", {}, told), hitList(recording, hits, leave));
}

function placeLink(recording, start, leave, attributes, ...children) {
  const place = placeOf(recording, start);
  const link = make("a", { href: `?${new URLSearchParams(place)}`, ...attributes }, ...children);
  onPlainClick(link, () => leave("opened", place));
  return link;
}

const markedName = (name) => marked(name, visible);

const marked = (text, shown = String) =>
  partsOf(text).map(([part, isMarked]) => isMarked ? make("mark", {}, shown(part)) : shown(part));
