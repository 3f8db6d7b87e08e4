// Numbers, times and counts as people read them.

export const capitalised = (word) => word.charAt(0).toUpperCase() + word.slice(1);

export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString()} ${count === 1 ? one : many}`;

/** A length of time: "8 s", "3 min 20 s", "2 h 05 min". */
export function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** A forecast, which is not known to the second: "about 40 s left", "about 3 min left". */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 60) return `about ${Math.ceil(seconds / 10) * 10} s left`;
  if (seconds < 3600) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} min left`;
}

/** Amounts of audio, as "12 min 05 s" or, from one hour on, "1.4 h". */
export const audioLength = (seconds) => (seconds < 3600 ? duration(seconds) : `${(seconds / 3600).toFixed(1)} h`);

export const LOCAL_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
export const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

export const percentage = (share) => `${Math.floor(share * 100)} %`;

/** "gpu-0" as people call it; other work pools keep their names. */
export const gpuName = (workPool) => workPool.replace(/^gpu-(\d+)$/, "GPU $1");

/** A path as its folder, with a slash at its end, and its name. */
export function splitPath(path) {
  const end = path.lastIndexOf("/") + 1;
  return [path.slice(0, end), path.slice(end)];
}
