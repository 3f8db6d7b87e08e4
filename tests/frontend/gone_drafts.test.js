// Drafts of recordings that were dismissed leave the browser.

import assert from "node:assert/strict";
import test from "node:test";

import { forgetGoneDrafts } from "../../dashboard/frontend/shared/gone_drafts.js";
import { answering } from "./server.js";
import { emptyStorage } from "./storage.js";

test("drafts of dismissed recordings go, and all others stay", async () => {
  const kept = emptyStorage();
  const others = ["there.0", "busy.1", "away.1"].map((name) => `batchscribe.draft.${name}`);
  for (const name of ["batchscribe.draft.gone.0", "batchscribe.draft.gone.w1", ...others]) kept.set(name, "{}");
  const answers = { gone: 404, there: 200, busy: 503, away: 0 };
  const { calls } = answering(
    Object.fromEntries(Object.entries(answers).map(([job, status]) => [`GET /jobs/${job}/revisions`, [status]])),
  );
  await forgetGoneDrafts();
  assert.deepEqual([...kept.keys()], others);
  assert.equal(calls.length, 4);
});
