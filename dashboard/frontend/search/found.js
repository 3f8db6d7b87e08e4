// What is told of a search, in words.

import { counted, number } from "../shared/formats.js";

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
export function countSentence(query, { total, total_hits: hits, cut, index }) {
  if (!total) {
    const together = /\S\s+\S/.test(query.trim()) ? " All words must be in one of them." : "";
    const searched = counted(index.recordings, "recording was", "recordings were");
    return `No transcript has “${query}” in a sentence or in its name.${together} ${searched} searched.`;
  }
  const sentences = hits ? `${counted(hits, "sentence")} in ` : "";
  const found = `${sentences}${counted(total, "recording")}`;
  return cut ? `More than ${found}: of words that are said so often, the latest are shown.` : found;
}

/** How far the index is, if it is not complete. */
export function buildingSentence({ recordings, waiting, unreadable, counting }) {
  const left = unreadable
    ? ` ${counted(unreadable, "transcript")} cannot be read: the dashboard's log names ${
      unreadable === 1 ? "it" : "them"
    }.`
    : "";
  if (!waiting && !counting) return left.trim();
  const all = recordings + waiting;
  const known = counting ? "at least " : "";
  return `The index is being built: ${number(recordings)} of ${known}${
    counted(all, "transcript")
  } can be found.${left}`;
}

/** The address of a second of a transcript, as parameters. */
export function placeOf({ job_id: job }, start) {
  return start === null || start === undefined ? { job } : { job, at: String(start) };
}
