// How numbers, sizes, lengths and times are written, on all pages alike.

const SIZE_UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** A number: "12,345". */
export const number = new Intl.NumberFormat("en").format;

/** So many things: "1 file", "12,345 files". */
export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

const SPACELESS =
  "[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}\\p{scx=Tibt}]";
const CHARACTERS = new RegExp(`(?=${SPACELESS})\\p{L}`, "gu");
const SPACELESS_RUNS = new RegExp(`${SPACELESS}+\\p{M}*`, "gu");
const WORDS = /\S*[\p{L}\p{N}]\S*/gu;

/** The length of a text: "120 words"; where no spaces are written between words, "312 characters". */
export function textLength(text) {
  const characters = text.match(CHARACTERS)?.length ?? 0;
  const words = text.replace(SPACELESS_RUNS, " ").match(WORDS)?.length ?? 0;
  const parts = [
    words || !characters ? counted(words, "word") : "",
    characters ? counted(characters, "character") : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** A size in bytes: "812 bytes", "1.5 kB", "12.3 MB", "123 GB". */
export function fileSize(bytes) {
  let [size, unit] = [bytes, 0];
  while (unit < SIZE_UNITS.length - 1 && size >= (unit ? 999.5 : 1000)) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(unit && size < 99.95 ? 1 : 0)} ${SIZE_UNITS[unit]}`;
}

/** The percentage that *part* is of *whole*, from 0 to 100; 100 only if nothing is missing. */
export const percentOf = (part, whole) => whole > 0 ? Math.min(100, Math.floor((100 * part) / whole)) : 0;

/** A share: "42 %". */
export const percentage = (share) => `${Math.floor(share * 100)} %`;

const twoDigits = (count) => String(count).padStart(2, "0");

/** A length of time: "8 s", "3 min 20 s", "2 h 05 min". */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${twoDigits(whole % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
}

/** A forecast, which is not known to the second: "about 40 s left", "about 3 min left". */
export function timeLeft(seconds, about = "about") {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 60) return `${about} ${Math.ceil(seconds / 10) * 10} s left`;
  if (seconds < 3600) return `${about} ${Math.ceil(seconds / 60)} min left`;
  return `${about} ${Math.floor(seconds / 3600)} h ${twoDigits(Math.floor((seconds % 3600) / 60))} min left`;
}

/** An amount of audio: "12 min 05 s" or, from one hour on, "1.4 h". */
export const audioLength = (seconds) => seconds < 3600 ? duration(seconds) : `${(seconds / 3600).toFixed(1)} h`;

/** A place in a recording, as players write it: "4:05", and "1:04:05" from an hour on. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${twoDigits(minutes)}:${twoDigits(whole % 60)}` : `${minutes}:${twoDigits(whole % 60)}`;
}

/** A moment with its day, and one of today. */
export const dayAndTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format;
export const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format;

/** A word at the beginning of a line. */
export const capitalised = (word) => word.charAt(0).toUpperCase() + word.slice(1);
