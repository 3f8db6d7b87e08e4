// Drafts of recordings that are gone: their words are to be in no browser any longer.

import { call } from "./api.js";
import { store, storedNames } from "./storage.js";

const DRAFTS = "batchscribe.draft."; // followed by the job: see `../editor/drafts.js`
const GONE = 404;

/** Forget the drafts that this browser keeps of jobs that the dashboard does not know any more. */
export async function forgetGoneDrafts(request = {}) {
  for (const job of new Set(storedNames(DRAFTS).map((name) => name.slice(DRAFTS.length).split(".")[0]))) {
    const { status } = await call("GET", `/jobs/${encodeURIComponent(job)}/revisions`, request);
    if (status === GONE) storedNames(`${DRAFTS}${job}.`).forEach((name) => store(name, null));
  }
}
