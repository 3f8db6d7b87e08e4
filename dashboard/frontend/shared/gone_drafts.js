// Drafts of recordings that are gone: their words are to be in no browser for good.

import { call } from "./api.js";
import { store, stored, storedNames } from "./storage.js";

const DRAFTS = "batchscribe.draft."; // followed by the job: see `../editor/drafts.js`
const GONE = 404;
const MILLISECONDS_KEPT = 7 * 24 * 3600 * 1000;

/**
 * Forget the drafts that this browser keeps of jobs that the dashboard does not know any more.
 *
 * Not within a week: a store that is not mounted, or another installation at the same address, knows none of them.
 */
export async function forgetGoneDrafts(request = {}, now = Date.now()) {
  const old = storedNames(DRAFTS).filter((name) => now - (stored(name)?.at ?? 0) > MILLISECONDS_KEPT);
  for (const job of new Set(old.map((name) => name.slice(DRAFTS.length).split(".")[0]))) {
    const { status } = await call("GET", `/jobs/${encodeURIComponent(job)}/revisions`, request);
    if (status === GONE) old.filter((name) => name.startsWith(`${DRAFTS}${job}.`)).forEach((name) => store(name, null));
  }
}
