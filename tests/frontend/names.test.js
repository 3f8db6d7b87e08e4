// Names as they are shown: in the same way as the server's sentences have them.

import assert from "node:assert/strict";
import test from "node:test";

import { displayName, shownName } from "../../dashboard/frontend/shared/names.js";
import ODD_NAMES from "../support/odd_names.json" with { type: "json" };

test("a name turns no word round it and hides nothing", () => {
  for (const [name, shown] of ODD_NAMES) assert.equal(shownName(name), shown);
});

test("the middle of a long name is left out, and its direction ends with it", () => {
  assert.equal(displayName("a".repeat(60) + "b".repeat(60)), `${"a".repeat(40)}…${"b".repeat(39)}`);
  assert.equal(displayName("א".repeat(81)), `\u2068${"א".repeat(40)}…${"א".repeat(39)}\u2069`);
  assert.equal(displayName("a".repeat(80)), shownName("a".repeat(80)));
});
