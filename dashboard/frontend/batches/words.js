// Names as people read them.

/** "gpu-0" as people call it; other work pools keep their names. */
export const gpuName = (workPool) => workPool.replace(/^gpu-(\d+)$/, "GPU $1");

/** A path as its folder, with a slash at its end, and its name. */
export function splitPath(path) {
  const end = path.lastIndexOf("/") + 1;
  return [path.slice(0, end), path.slice(end)];
}
