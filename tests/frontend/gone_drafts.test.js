// Drafts of recordings that were dismissed leave the browser.

import assert from "node:assert/strict";
import test from "node:test";

import { forgetGoneDrafts } from "../../dashboard/frontend/shared/gone_drafts.js";
import { answering } from "./server.js";
import { emptyStorage } from "./storage.js";

const DAY = 24 * 3600 * 1000;

test("old drafts of dismissed recordings go, and all others stay", async () => {
  const kept = emptyStorage();
  const keep = (name, at) => kept.set(`batchscribe.draft.${name}`, JSON.stringify({ at }));
  for (const name of ["gone.0", "gone.w1", "there.0", "busy.1", "away.1"]) keep(name, 0);
  keep("gone.w2", 8 * DAY); // the store may just not be mounted
  keep("gone_lately.w3", 2 * DAY);
  const answers = { gone: 404, there: 200, busy: 503, away: 0 };
  const { calls } = answering(
    Object.fromEntries(Object.entries(answers).map(([job, status]) => [`GET /jobs/${job}/revisions`, [status]])),
  );
  await forgetGoneDrafts({}, 8 * DAY);
  const left = ["there.0", "busy.1", "away.1", "gone.w2", "gone_lately.w3"].map((name) => `batchscribe.draft.${name}`);
  assert.deepEqual([...kept.keys()], left);
  assert.equal(calls.length, 4);
});
