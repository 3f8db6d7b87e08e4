// Which key does what while text is edited, and that keys which write are left alone.

import assert from "node:assert/strict";
import test from "node:test";

import { wish } from "../../dashboard/frontend/editor/keys.js";

function press(key, { inField = false, ...more } = {}) {
  const target = { matches: (selector) => inField && selector.includes("input") };
  const event = { key, code: "", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, ...more };
  return wish({ ...event, composedPath: () => [target] })?.name ?? null;
}

test("the sound is steered by keys that write nothing", () => {
  assert.deepEqual(["Escape", "F1", "F2", "F3", "F4", "F8"].map((key) => press(key)), [
    "toggle",
    "back",
    "on",
    "slower",
    "faster",
    "nextDoubt",
  ]);
  for (const key of ["a", "e", " ", "Enter", "Tab", "Backspace", "ArrowLeft", "1", ".", "<", "/"]) {
    assert.equal(press(key), null, key);
    assert.equal(press(key, { shiftKey: true }), null, key);
  }
});

test("Ctrl, and Cmd on a Mac, with a letter is a command, whichever way the letter is shifted", () => {
  assert.equal(press("s", { ctrlKey: true }), "save");
  assert.equal(press("S", { metaKey: true, shiftKey: true }), "saveWithNote");
  assert.equal(press("Z", { ctrlKey: true, shiftKey: true }), "redo");
  assert.equal(press("c", { ctrlKey: true }), null, "copying is the browser's");
  assert.equal(press("q", { ctrlKey: true, altKey: true }), null, "some keyboards write @ so");
});

test("a speaker is chosen by Alt and a digit, whatever the keyboard writes with it", () => {
  const event = { key: "¡", code: "Digit1", altKey: true, isComposing: false, composedPath: () => [{}] };
  assert.deepEqual(wish(event), { name: "speaker", number: 1 });
});

test("while a field is filled in, or a sign is composed, keys belong to that", () => {
  assert.equal(press("Escape", { inField: true }), null);
  assert.equal(press("z", { inField: true, ctrlKey: true }), null);
  assert.equal(press("s", { inField: true, ctrlKey: true }), "save");
  assert.equal(press("Escape", { isComposing: true }), null);
});
