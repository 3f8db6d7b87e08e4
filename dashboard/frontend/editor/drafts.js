// What was edited and not yet saved, kept in the browser. A draft names the revision that it changes and has only the
// paragraphs that are not as in that, so that it is small however long the transcript is.

import { store, stored, storedNames } from "../shared/storage.js";
import { paragraphOf } from "./model.js";

const FORMAT = 1;
const ofJob = (jobId) => `batchscribe.draft.${jobId}.`;

/** Keep a draft; returns whether the browser does. *places* has the index of each paragraph of the revision. */
export function keepDraft(jobId, base, { paragraphs, speakers }, places) {
  const kept = paragraphs.map((paragraph) => places.get(paragraph) ?? packed(paragraph));
  return store(ofJob(jobId) + base, { format: FORMAT, at: Date.now(), speakers, paragraphs: kept });
}

export function discardDraft(jobId, base) {
  store(ofJob(jobId) + base, null);
}

/** Return the newest draft of a job: the number of the revision that it changes, and when it was made; or null. */
export function draftOf(jobId) {
  const drafts = storedNames(ofJob(jobId)).map((name) => ({ ...stored(name), base: Number(name.split(".").at(-1)) }));
  const usable = drafts.filter(({ format, paragraphs }) => format === FORMAT && Array.isArray(paragraphs));
  return usable.sort((one, other) => other.at - one.at)[0] ?? null;
}

/** Return the transcript of a draft, where *base* is the revision that it changes. */
export function restored({ paragraphs, speakers }, base) {
  return {
    speakers,
    paragraphs: paragraphs.flatMap((kept) => typeof kept === "number" ? base.paragraphs[kept] ?? [] : unpacked(kept)),
  };
}

function packed({ heading, words, source }) {
  const kept = words.length ? words : source;
  return {
    heading,
    words: kept.map(({ text, start, end, probability, speaker, language }) => {
      return [words.length ? text : "", start, end, probability, speaker, language];
    }),
  };
}

function unpacked({ heading, words }) {
  return paragraphOf(
    words.map(([text, start, end, probability, speaker, language]) => {
      return { text, start, end, probability, speaker, language };
    }),
    { heading },
  );
}
