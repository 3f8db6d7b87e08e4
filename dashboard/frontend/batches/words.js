// Names as people read them.

import { displayName } from "../shared/names.js";

const kinds = new Map(); // of the devices of work pools, as far as they are known

/** Learn what kind of device stands behind each work pool. */
export function learnDevices(pools) {
  for (const { work_pool: name, device_kind: kind } of pools) kinds.set(name, kind === "cuda" ? "GPU" : "CPU");
}

/** "gpu-0" as people call it, "GPU 0" or "CPU 0"; other work pools keep their names. */
export const deviceName = (workPool) =>
  workPool.replace(/^gpu-(\d+)$/, (_, number) => `${kinds.get(workPool) ?? "GPU"} ${number}`);

const MOST_NAMED = 3;

/** The devices that help with a job, or have helped, in words; empty if there are none. */
export function helpOf({ helpers }) {
  const present = helpers.filter(({ ended_at: endedAt }) => !endedAt);
  const pools = new Set((present.length ? present : helpers).map(({ work_pool: pool }) => pool));
  const names = [...pools].map(deviceName).sort(new Intl.Collator("en", { numeric: true }).compare);
  if (!names.length) return "";
  const verb = !present.length ? "helped" : names.length === 1 ? "helps" : "help";
  const who = names.length > MOST_NAMED ? `${names.length} devices` : new Intl.ListFormat("en").format(names);
  return `${who} ${verb}`;
}

/** A path as its folder, with a slash at its end, and its name. */
export function splitPath(path) {
  const end = path.lastIndexOf("/") + 1;
  return [path.slice(0, end), path.slice(end)];
}

/** Why a file failed, as it stands behind its name: the name is not repeated, and the reason begins with a capital. */
export function reasonBehind(path, error) {
  const name = displayName(splitPath(path)[1]);
  if (!error.startsWith(name)) return error;
  const rest = error.slice(name.length).replace(/^[ :]+/, "").replace(/^is /, "");
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
