// Which key does what while text is edited. Keys that write are never taken: sound is steered by the keys that
// transcription programs and their pedals have in common.

const KEYS = {
  Escape: "toggle",
  MediaPlayPause: "toggle",
  F1: "back",
  F2: "on",
  F3: "slower",
  F4: "faster",
  F8: "nextDoubt",
  F9: "confirm",
};
const SHIFTED_KEYS = { F1: "backALittle", F2: "onALittle", F8: "previousDoubt" };
const CONTROL_KEYS = { " ": "toggle", Enter: "playHere", s: "save", f: "find", h: "find", z: "undo", y: "redo" };
const SHIFTED_CONTROL_KEYS = { z: "redo", s: "saveWithNote" };
const WHILE_A_FIELD_IS_FILLED_IN = new Set(["save", "saveWithNote", "find", "back", "on", "slower", "faster"]);

export const SOUND_WISHES = new Set([
  "toggle",
  "back",
  "on",
  "backALittle",
  "onALittle",
  "slower",
  "faster",
  "playHere",
]);

/** Return what a key press asks of the editor: a name, and for "speaker" the number; null if it asks nothing. */
export function wish(event) {
  if (event.isComposing) return null;
  const target = event.composedPath()[0];
  const isField = Boolean(target.matches?.("input, textarea, select"));
  const name = named(event);
  if (name === null || (isField && !WHILE_A_FIELD_IS_FILLED_IN.has(name))) return null;
  return { name, number: name === "speaker" ? Number(event.code.slice(-1)) : null };
}

function named({ key, code, shiftKey, ctrlKey, metaKey, altKey }) {
  const controlled = ctrlKey || metaKey;
  if (altKey) return !controlled && !shiftKey && /^Digit[1-9]$/.test(code) ? "speaker" : null;
  const keys = controlled ? (shiftKey ? SHIFTED_CONTROL_KEYS : CONTROL_KEYS) : shiftKey ? SHIFTED_KEYS : KEYS;
  return keys[key.length === 1 ? key.toLowerCase() : key] ?? null;
}
