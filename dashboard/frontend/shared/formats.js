// How sizes are written, on all pages alike.

const SIZE_UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/** A size in bytes: "812 bytes", "1.5 kB", "12.3 MB", "123 GB". */
export function fileSize(bytes) {
  let [number, unit] = [bytes, 0];
  while (unit < SIZE_UNITS.length - 1 && number >= (unit ? 999.5 : 1000)) {
    number /= 1000;
    unit += 1;
  }
  return `${number.toFixed(unit && number < 99.95 ? 1 : 0)} ${SIZE_UNITS[unit]}`;
}
