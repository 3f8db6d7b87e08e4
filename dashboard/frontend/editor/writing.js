// How writing falls into words: by spaces, and by character where a script is written without them.

const UNSPACED = "[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]";
const unspaced = new RegExp(`^${UNSPACED}`, "u");
// A character of an unspaced script, a run of letters and digits, or any other sign; marks stay with theirs.
const ATOMS = new RegExp(`${UNSPACED}\\p{M}*|(?:(?!${UNSPACED})[\\p{L}\\p{N}\\p{M}_'’])+|\\S\\p{M}*`, "gu");
const CLOSES = /^\p{P}/u;
const OPENS = /^[\p{Ps}\p{Pi}]/u;
const isSpace = (character) => /\s/.test(character);

/** Return the smallest parts of *text* that a change leaves whole, with their places from *offset* on. */
export function atomsOf(text, offset = 0) {
  return Array.from(text.matchAll(ATOMS), ({ 0: atom, index }) => ({
    text: atom,
    from: offset + index,
    to: offset + index + atom.length,
  }));
}

/** Tell text whose words are set apart by spaces from other text. */
export const isSpaced = (text) => !unspaced.test(text.trimStart());

/** Tell if a word may end and another begin at *offset* of *text*. */
export function isBoundary(text, offset) {
  if (offset <= 0 || offset >= text.length) return true;
  const [before, after] = [characterBefore(text, offset), text.slice(offset, offset + 2)];
  if (isSpace(before) || isSpace(after[0])) return true;
  return parts(before, after);
}

/** Tell if two characters without a space between them belong to different words. */
export function parts(before, after) {
  if (CLOSES.test(after) && !OPENS.test(after)) return false;
  if (OPENS.test(before) || /^\p{M}/u.test(after)) return false;
  return unspaced.test(before) || unspaced.test(after);
}

function characterBefore(text, offset) {
  const [last] = text.slice(Math.max(0, offset - 2), offset).match(/.$/su) ?? [text[offset - 1]];
  return last;
}
