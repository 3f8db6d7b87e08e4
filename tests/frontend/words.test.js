// What the pages of batches call things.

import assert from "node:assert/strict";
import test from "node:test";

import { deviceName, learnDevices, reasonBehind } from "../../dashboard/frontend/batches/words.js";

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
});
