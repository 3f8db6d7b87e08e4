// From what a person picks or drops to files with their paths below the folder, and which of them are left out.

export const LEFT_OUT = {
  other: "not audio or video",
  hidden: "hidden",
  listed: "already listed",
  unreadable: "not readable",
};
export const byPath = new Intl.Collator("en", { numeric: true }).compare;

// The server keeps paths in this form as well. A lone surrogate, which some file systems hold, cannot be sent at all.
function cleanPath(path) {
  return (path.toWellFormed ? path.toWellFormed() : path.replace(/\p{Surrogate}/gu, "\ufffd")).normalize("NFC");
}

export function pickedFiles(input) {
  return [...input.files].map((file) => ({ file, path: cleanPath(file.webkitRelativePath || file.name) }));
}

// The browser empties the event's list as soon as its handler returns, so the entries are taken from it at once.
export function droppedEntries(event) {
  return [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
}

export async function droppedFiles(entries, onFound) {
  const found = [];
  const unreadable = [];
  async function visit(entry, folder) {
    const path = folder + entry.name;
    try {
      if (entry.isFile) {
        found.push({ file: await new Promise((done, fail) => entry.file(done, fail)), path: cleanPath(path) });
        onFound(found.length);
      } else {
        for await (const inside of entriesOf(entry)) await visit(inside, `${path}/`);
      }
    } catch {
      unreadable.push(cleanPath(path));
    }
  }
  for (const entry of entries) await visit(entry, "");
  return { found, unreadable };
}

// A reader hands out a hundred entries at most, so it is asked until it has no more.
async function* entriesOf(folder) {
  const reader = folder.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return;
    yield* some;
  }
}

function isHidden(path) {
  return path.split("/").some((part) => part.startsWith("."));
}

export function endingOf(path) {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : "";
}

// Returns what was found, with the files marked as media whose names tell nothing and whose content begins like it.
export async function lookedInto(found, endings, starts) {
  const isNameless = ({ path }) => !endings.has(endingOf(path)) && !isHidden(path);
  const looked = [];
  for (const one of found) looked.push(isNameless(one) ? { ...one, isMedia: await begins(one.file, starts) } : one);
  return looked;
}

async function begins(file, { bytes, media, others }) {
  try {
    const start = new Uint8Array(await file.slice(0, bytes).arrayBuffer());
    return media.some((marks) => hasAll(start, marks)) && !others.some((marks) => hasAll(start, marks));
  } catch {
    return false; // it cannot be read
  }
}

// *marks* are offsets with the bytes there, as hexadecimal digits.
function hasAll(start, marks) {
  return marks.every(([offset, digits]) =>
    digits.match(/../g).every((pair, index) => start[offset + index] === parseInt(pair, 16))
  );
}

// Splits what was found into media files, in the order of their paths, and what is left out and why.
export function sortOut(found, endings) {
  const media = [];
  const leftOut = [];
  for (const one of found) {
    if (isHidden(one.path)) leftOut.push({ path: one.path, why: "hidden" });
    else if (!one.isMedia && !endings.has(endingOf(one.path))) leftOut.push({ path: one.path, why: "other" });
    else media.push(one);
  }
  media.sort((one, other) => byPath(one.path, other.path));
  return { media, leftOut };
}
