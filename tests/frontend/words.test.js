// What the pages of batches call things.

import assert from "node:assert/strict";
import test from "node:test";

import { deviceName, helpOf, learnDevices, reasonBehind } from "../../dashboard/frontend/batches/words.js";

test("a device is called what it is, as soon as that is known", () => {
  assert.equal(deviceName("gpu-3"), "GPU 3");
  learnDevices([{ work_pool: "gpu-3", device_kind: "cpu" }, { work_pool: "gpu-4", device_kind: "cuda" }]);
  assert.deepEqual(["gpu-3", "gpu-4", "lab"].map(deviceName), ["CPU 3", "GPU 4", "lab"]);
});

test("a reason behind a name does not repeat it", () => {
  const told = (error) => reasonBehind("talks/a.mp3", error);
  assert.equal(told("a.mp3 is empty: 0 bytes."), "Empty: 0 bytes.");
  assert.equal(told("a.mp3 has no audio stream."), "Has no audio stream.");
  assert.equal(told("a.mp3: the file ends too early."), "The file ends too early.");
  assert.equal(told("No speech detected"), "No speech detected");
  assert.equal(reasonBehind("הרצאה.mp3", "\u2068הרצאה.mp3\u2069 is empty: 0 bytes."), "Empty: 0 bytes.");
  const long = `${"a".repeat(90)}.mp3`;
  assert.equal(reasonBehind(long, `${"a".repeat(40)}…${"a".repeat(35)}.mp3 is empty.`), "Empty.");
});

test("who helps is told while they do, else who has helped", () => {
  const help = (pool, ended = null) => ({ work_pool: pool, ended_at: ended });
  const ended = "2026-01-01T12:00:00Z";
  const rows = [
    [[], ""],
    [[help("mac")], "mac helps"],
    [[help("gpu-10"), help("gpu-2"), help("gpu-3", ended)], "GPU 2 and GPU 10 help"],
    [[help("gpu-1", ended), help("gpu-1", ended)], "GPU 1 helped"],
    [[1, 2, 3, 4].map((number) => help(`gpu-${number}`)), "4 devices help"],
  ];
  for (const [helpers, words] of rows) assert.equal(helpOf({ helpers }), words);
});
