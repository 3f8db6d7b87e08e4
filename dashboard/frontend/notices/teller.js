// Tells the end of the batches that a person asked about, on whatever page of the dashboard a tab is.

import { ENDED, outcomeOf, resultOf } from "../batches/outcome.js";
import { call, wasAccepted } from "../shared/api.js";
import { shownName } from "../shared/names.js";
import { wishes } from "./wishes.js";

const LOCK = "batchscribe.teller";
const SECONDS_BETWEEN_LOOKS = 5;
const MILLISECONDS_TO_APPEAR = 60_000; // a new batch is not listed at once

/** Have this tab tell, as soon as no other does and for as long as it lives. Called again it changes nothing. */
export function beginTelling() {
  if (globalThis.batchscribeTells || !navigator.locks || !globalThis.Notification) return;
  globalThis.batchscribeTells = true;
  navigator.locks.request(LOCK, async () => {
    for (;;) {
      await tellEnds();
      await new Promise((resume) => setTimeout(resume, SECONDS_BETWEEN_LOOKS * 1000));
    }
  });
}

/** Tell the ends that have come since the last look. One that is told again, after a crash, replaces the first. */
export async function tellEnds(now = Date.now()) {
  for (const { batchId, at } of wishes.all()) {
    const answer = await call("GET", `/batch?limit=1&search=${encodeURIComponent(batchId)}`);
    if (!wasAccepted(answer) || answer.body.problems?.length) continue;
    const batch = answer.body.batches.find((each) => each.batch_id === batchId);
    if (batch && ENDED.has(batch.state) && wishes.has(batchId)) tell(batch);
    if (batch ? ENDED.has(batch.state) : now - at > MILLISECONDS_TO_APPEAR) wishes.set(batchId, false);
  }
}

function tell(batch) {
  try {
    const notification = new Notification(`${shownName(batch.name)}: ${resultOf(batch).toLowerCase()}`, {
      body: outcomeOf(batch.summary),
      tag: `batchscribe.${batch.batch_id}`,
    });
    notification.onclick = () => {
      notification.close();
      open(`/batches?batch=${encodeURIComponent(batch.batch_id)}`); // in a tab of its own: this one may be uploading
    };
  } catch {
    // The browser shows none after all; the title of the batch's own tab tells the end.
  }
}
