// Which key does what. Keys are left to whatever else has the focus: a field that is typed in, a button, a menu.

const SPEED_KEYS = { "<": "slower", ">": "faster" }; // keyboards differ in which of them are shifted
const KEYS = {
  " ": "toggle",
  ArrowLeft: "back",
  ArrowRight: "on",
  ",": "backALittle",
  ".": "onALittle",
  ArrowUp: "previousParagraph",
  ArrowDown: "nextParagraph",
  k: "previousParagraph",
  j: "nextParagraph",
  Enter: "choose",
  "/": "search",
  e: "edit",
  ...SPEED_KEYS,
};
export const SOUND_WISHES = new Set(["toggle", "back", "on", "backALittle", "onALittle", "slower", "faster"]);
const SHIFTED_KEYS = { ArrowLeft: "previousWord", ArrowRight: "nextWord", "/": "search", ...SPEED_KEYS };

/** Return the name of what a key press asks of the player in *host*; null if it is meant for something else. */
export function wish(event, host) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return null;
  const target = event.composedPath()[0];
  const inside = host.contains(target);
  if (!inside && !target.contains?.(host.getRootNode().host)) return null;
  if (target.matches?.("input, textarea, select, audio, video")) return null;
  const wanted = (event.shiftKey ? SHIFTED_KEYS : KEYS)[event.key] ?? null;
  const isWord = target.matches?.(".word");
  if (wanted === "choose") return isWord ? wanted : null;
  if (wanted === "toggle" && target.matches?.("button, a, summary")) return null;
  if (wanted === "previousWord" || wanted === "nextWord") return inside ? wanted : null;
  return wanted;
}
