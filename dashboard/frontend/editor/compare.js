// Two versions of a transcript side by side: which words were taken out and which were put in.

import { nameOf } from "../player/speakers.js";
import { partnersOf } from "./diff.js";
import { speakerOf } from "./model.js";

/**
 * Return the paragraphs of *after*, each as runs of words that are the "same", "deleted" or "inserted".
 *
 * A paragraph has `isChanged`; where a speaker's name is another one, it is a run, too. What was divided or joined says
 * so by a pilcrow.
 */
export function compare(before, after) {
  const [old, now] = [tokensOf(before), tokensOf(after)];
  const partners = partnersOf(old.map(({ key }) => key), now.map(({ key }) => key));
  const paragraphs = [];
  let [used, current] = [0, null];
  const deleteUpTo = (end, paragraph) => {
    while (used < end) add(paragraph, "deleted", old[used++]);
  };
  now.forEach((token, index) => {
    const before = current;
    if (token.isBreak) paragraphs.push(current = { runs: [], isChanged: false });
    const next = partners.subarray(index).find((partner) => partner >= 0) ?? old.length;
    deleteUpTo(next, token.isBreak ? before ?? current : current);
    if (partners[index] >= 0) used = partners[index] + 1;
    add(current, partners[index] < 0 ? "inserted" : "same", token);
  });
  if (!current) paragraphs.push(current = { runs: [], isChanged: false });
  deleteUpTo(old.length, current);
  return paragraphs;
}

/** Return the words of a transcript, a break before each paragraph. */
function tokensOf(transcript) {
  const hasSpeakers = transcript.speakers.length > 0;
  const written = transcript.paragraphs.filter(({ words }) => words.length);
  return written.flatMap((paragraph) => {
    const name = hasSpeakers ? nameOf(transcript, speakerOf(paragraph)) : "";
    const opening = { key: `\n${name}`, text: name && `${name}: `, isBreak: true };
    return [opening, ...paragraph.words.map(({ text }) => ({ key: text.trim(), text }))];
  });
}

function add(paragraph, kind, { text, isBreak }) {
  const written = isBreak && kind !== "same" ? `¶ ${text}` : text;
  if (kind !== "same") paragraph.isChanged = true;
  const last = paragraph.runs.at(-1);
  if (last?.kind === kind) last.text += written;
  else if (written) paragraph.runs.push({ kind, text: written });
}
