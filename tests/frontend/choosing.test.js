// From what a person picks or drops to the files that are uploaded.

import assert from "node:assert/strict";
import test from "node:test";

import {
  droppedFiles,
  endingOf,
  lookedInto,
  pickedFiles,
  sortOut,
} from "../../dashboard/frontend/uploader/choosing.js";
import { beaconText, suggestedName } from "../../dashboard/frontend/uploader/wording.js";

const paths = (files) => files.map(({ path }) => path);
const found = (...names) => names.map((path) => ({ path, file: {} }));

test("media files are kept in the order of people, everything else is named with the reason", () => {
  const { media, leftOut } = sortOut(
    found("b.mp3", "a10.WAV", "a2.mp3", "notes.txt", ".x/c.mp3"),
    new Set(["mp3", "wav"]),
  );
  assert.deepEqual(paths(media), ["a2.mp3", "a10.WAV", "b.mp3"]);
  assert.deepEqual(leftOut, [{ path: "notes.txt", why: "other" }, { path: ".x/c.mp3", why: "hidden" }]);
});

test("files whose names tell nothing are looked into", async () => {
  const starts = {
    bytes: 12,
    media: [[[0, "52494646"], [8, "57415645"]], [[4, "66747970"]]],
    others: [[[8, "68656963"]]],
  };
  const files = Object.entries({
    "memo": "RIFF....WAVE",
    "memo.dat": "....ftypM4A ",
    "photo.dat": "....ftypheic",
    "notes.txt": "RIFF",
    "talk.mp3": "by its name",
    ".hidden": "RIFF....WAVE",
  });
  const chosen = files.map(([path, content]) => ({ path, file: new Blob([content]) }));
  chosen.push({ path: "gone", file: { slice: () => ({ arrayBuffer: () => Promise.reject(new Error("gone")) }) } });
  const { media, leftOut } = sortOut(await lookedInto(chosen, new Set(["mp3"]), starts), new Set(["mp3"]));
  assert.deepEqual(paths(media), ["memo", "memo.dat", "talk.mp3"]);
  assert.deepEqual(paths(leftOut), ["photo.dat", "notes.txt", ".hidden", "gone"]);
});

test("an ending is what follows the last dot of the name, if anything precedes it", () => {
  assert.deepEqual(["a.MP3", "a.tar.gz", ".mp3", "folder.mp3/talk", "a."].map(endingOf), ["mp3", "gz", "", "", ""]);
});

test("names are kept in the form the server keeps them in", () => {
  const picked = pickedFiles({
    files: [{ name: "e\u0301te\u0301.mp3" }, { name: "x", webkitRelativePath: "talks/a.mp3" }],
  });
  assert.deepEqual(paths(picked), ["\u00e9t\u00e9.mp3", "talks/a.mp3"]);
});

const file = (name) => ({ isFile: true, name, file: (done) => done({ name }) });
const broken = (name) => ({ isFile: true, name, file: (_, fail) => fail(new Error("gone")) });
const folder = (name, entries) => ({
  name,
  createReader() {
    const rest = [...entries];
    return { readEntries: (done) => done(rest.splice(0, 100)) };
  },
});

test("a dropped folder is read to its end, though a browser hands out a hundred entries at a time", async () => {
  const many = Array.from({ length: 250 }, (_, number) => file(`${number}.mp3`));
  const { found, unreadable } = await droppedFiles(
    [folder("talks", [folder("day 1", many), broken("lost.mp3")])],
    () => {},
  );
  assert.equal(found.length, 250);
  assert.equal(found.at(-1).path, "talks/day 1/249.mp3");
  assert.deepEqual(unreadable, ["talks/lost.mp3"]);
});

test("a batch is named after its only file, or the folder that all files come from, or its time here", () => {
  const noon = new Date(2026, 2, 4, 12, 0);
  const named = (...names) => suggestedName({ items: found(...names), size: names.length }, noon);
  assert.equal(named(), "");
  assert.equal(named("talks/a.mp3"), "a.mp3");
  assert.equal(named("talks/a.mp3", "talks/b/c.mp3"), "talks");
  for (const mixed of [named("talks/a.mp3", "b.mp3"), named("a.mp3", "b.mp3")]) {
    assert.match(mixed, /^Recordings of .*12:00/);
  }
});

test("an upload is told of on all pages for as long as it needs the tab or the person", () => {
  const queue = { sentBytes: 28, totalBytes: 100 };
  const told = (phase) => beaconText({ phase, queue });
  assert.equal(told("uploading"), "Upload 28 %");
  assert.equal(told("checking"), "Upload…");
  assert.equal(told("stopped"), "Upload stopped");
  assert.equal(told("choosing"), "");
});
