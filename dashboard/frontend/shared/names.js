// Names of files, batches and people as they are shown, whatever is in them. tasks/names.py does the same.

import { make } from "./dom.js";

const MOST_MARKS = 6;
const MOST_LETTERS = 80;
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const JOINERS = /[\u200c\u200d]/;
const TOO_MANY_MARKS = new RegExp(`([\\p{Mn}\\p{Me}]{${MOST_MARKS}})[\\p{Mn}\\p{Me}]+`, "gu");
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** A name that stands alone in its element: what can't be seen, or would cover other lines, is shown as "�". */
export const visible = (name) =>
  name.replace(UNSEEN, (letter, at) => JOINERS.test(letter) && name.charCodeAt(at - 1) > 127 ? letter : "�")
    .replace(TOO_MANY_MARKS, "$1�");

/** A name in the middle of a text, whose other words it does not turn. */
export const shownName = (name) => isolated(visible(name));

/** A name as the server's sentences have it: as `shownName`, and a long one without its middle. */
export function displayName(name) {
  const letters = [...visible(name)];
  if (letters.length <= MOST_LETTERS) return isolated(letters.join(""));
  const half = MOST_LETTERS / 2;
  return isolated(`${letters.slice(0, half).join("")}…${letters.slice(1 - half).join("")}`);
}

/** An element that shows a name. */
export const nameElement = (name, attributes = {}) => make("bdi", attributes, visible(name));

const isolated = (shown) => RIGHT_TO_LEFT.test(shown) ? `\u2068${shown}\u2069` : shown;
