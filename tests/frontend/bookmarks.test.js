// What the browser remembers of listening.

import assert from "node:assert/strict";
import test from "node:test";

import { keepPlace, keepSpeed, placeIn, speedKept } from "../../dashboard/frontend/player/bookmarks.js";
import { emptyStorage } from "./storage.js";

test("a recording goes on where it was left, each for itself, as fast as the last one", () => {
  emptyStorage();
  assert.deepEqual([placeIn("a"), speedKept()], [0, 1]);
  keepPlace("a", 61.234);
  keepPlace("b", 5);
  keepSpeed(1.5);
  assert.deepEqual([placeIn("a"), placeIn("b"), placeIn("c"), speedKept()], [61.234, 5, 0, 1.5]);
});

test("places of recordings that were left long ago are forgotten", () => {
  emptyStorage();
  for (let number = 0; number < 150; number += 1) keepPlace(`job ${number}`, number + 1);
  assert.deepEqual([placeIn("job 0"), placeIn("job 149")], [0, 150]);
});

test("what another version or a person has put there does no harm", () => {
  emptyStorage().set("batchscribe.places", "{}");
  assert.equal(placeIn("a"), 0);
});
