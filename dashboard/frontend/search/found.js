// What is told of a search, in words.

import { counted, number } from "../shared/formats.js";
import { shownName } from "../shared/names.js";

export const NOTHING = { q: "", language: "", period: "", batch: "", tag: "" };

/** How old the batches may be in which is searched. */
export const PERIODS = {
  "": { label: "Any time" },
  week: { label: "Past week", days: 7 },
  month: { label: "Past month", days: 31 },
  year: { label: "Past year", days: 366 },
};

/** The parameters with which the HTTP API is asked for what is *wanted*; *now* in milliseconds. */
export function parametersOf({ q, language, period, batch, tag }, now) {
  const days = PERIODS[period]?.days;
  const since = days ? new Date(now - days * 24 * 3600 * 1000).toISOString().slice(0, 10) : "";
  return Object.fromEntries(Object.entries({ q, language, batch, tag, since }).filter(([, value]) => value));
}

/** Cut *text* at its marks, which count Unicode characters: [["The ", false], ["budget", true], …]. */
export function partsOf({ text, marks }) {
  const characters = [...text];
  const parts = [];
  let end = 0;
  for (const [start, stop] of marks) {
    parts.push([characters.slice(end, start).join(""), false], [characters.slice(start, stop).join(""), true]);
    end = stop;
  }
  return [...parts, [characters.slice(end).join(""), false]].filter(([part]) => part);
}

/** How much was found: "12 sentences in 3 recordings". */
export function countSentence(
  { q: query, language, period, batch, tag },
  { total, total_hits: hits, cut, spread, index },
) {
  if (!total) {
    const searched = counted(index.recordings, "recording was", "recordings were");
    const where = language || period || batch || tag
      ? "Only those of the filters were searched."
      : `${searched} searched.`;
    return `No transcript has “${shownName(query)}” in what is said or in its name. ${where}`;
  }
  const recordings = counted(total, "recording");
  if (!hits) return recordings;
  if (spread) {
    return `No sentence has all of these words; ${counted(hits, "passage")} in ${recordings} ${
      hits > 1 ? "have" : "has"
    }.`;
  }
  const found = `${counted(hits, "sentence")} in ${recordings}`;
  return cut ? `More than ${found}: of words that are said so often, the latest are shown.` : found;
}

/** Whether there are transcripts that the index will soon have. */
export const isFilling = ({ waiting, counting }) => waiting > 0 || counting;

/** How far the index is, if it is not complete. */
export function buildingSentence({ recordings, waiting, unreadable, counting }) {
  const left = unreadable
    ? ` ${counted(unreadable, "transcript")} cannot be read: the dashboard's log names ${
      unreadable === 1 ? "it" : "them"
    }.`
    : "";
  if (!isFilling({ waiting, counting })) return left.trim();
  const all = recordings + waiting;
  if (!all) return `The index is being built: the transcripts are being counted.${left}`;
  const known = counting ? "at least " : "";
  return `The index is being built: ${number(recordings)} of ${known}${
    counted(all, "transcript")
  } can be found.${left}`;
}

/** The address of a second of a transcript, as parameters. */
export function placeOf({ job_id: job }, start) {
  return start === null || start === undefined ? { job } : { job, at: String(start) };
}
