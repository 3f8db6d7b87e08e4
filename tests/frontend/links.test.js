// Links in the upload list: what people write, what the server tells line by line, and what a reload keeps.

import assert from "node:assert/strict";
import test from "node:test";

import { linksIn } from "../../dashboard/frontend/uploader/link_form.js";
import { linesOf } from "../../dashboard/frontend/uploader/link_transfer.js";
import { Phase, Queue, Status } from "../../dashboard/frontend/uploader/queue.js";
import { beaconText, chosenText, overallText } from "../../dashboard/frontend/uploader/wording.js";

const LINK = "https://example.org/talk";
const paths = (queue) => [...queue.items].map(({ path }) => path);

test("links are found in what is pasted, each once, and get a scheme", () => {
  const text = ` ${LINK}\n\nexample.org/other  ${LINK}\thttp://example.org:8080/x `;
  assert.deepEqual(linksIn(text), [LINK, "https://example.org/other", "http://example.org:8080/x"]);
  assert.deepEqual(linksIn(" \n"), []);
});

test("lines are read however they are cut on their way", async () => {
  const bytes = new TextEncoder().encode('{"received": 1}\n{"upload": {"path": "é"}}\n{"last": true}');
  for (const size of [1, 3, 7, 1000]) {
    const pieces = [];
    for (let from = 0; from < bytes.length; from += size) pieces.push(bytes.slice(from, from + size));
    const lines = [];
    for await (const line of linesOf(ReadableStream.from(pieces))) lines.push(line);
    assert.deepEqual(lines, [{ received: 1 }, { upload: { path: "é" } }, { last: true }]);
  }
});

test("the same link is listed once, another one of its name gets a number", () => {
  const queue = new Queue();
  queue.addLink({ link: LINK, path: "talk.mp3", size: 5 });
  assert.equal(queue.addLink({ link: LINK, path: "talk.mp3", size: 5 }), null);
  queue.addLink({ link: `${LINK}/2`, path: "talk.mp3", size: null });
  queue.add({ file: { size: 7, lastModified: 1 }, path: "talk.mp3" });
  assert.deepEqual(paths(queue), ["talk.mp3", "talk (2).mp3", "talk (3).mp3"]);
  assert.equal(queue.totalBytes, 12);
});

test("a link that was listed before a reload needs no choosing again", () => {
  const before = new Queue();
  const item = before.addLink({ link: LINK, path: "talk.mp3", size: null });
  before.choose([item], { language: "de" });
  const queue = new Queue();
  queue.addMissing(JSON.parse(JSON.stringify(before.listed)));
  const [{ link, status, options, path }] = queue.items;
  assert.deepEqual([link, status, options, path], [LINK, Status.PENDING, { language: "de" }, "talk.mp3"]);
});

test("a link that failed can be tried again, and one that arrived unseen has its real size", () => {
  const queue = new Queue();
  const item = queue.addLink({ link: LINK, path: "talk.mp3", size: 100 });
  queue.set(item, { status: Status.FAILED, reason: "gone" });
  queue.sendAgain(item);
  assert.deepEqual([item.status, item.sent, queue.size], [Status.PENDING, 0, 1]);
  queue.addArrived({ path: "talk.mp3", size: 97, job_id: "job" });
  assert.deepEqual([item.status, item.size, queue.totalBytes, queue.sentBytes], [Status.UPLOADED, 97, 97, 97]);
});

test("no share is told of an upload whose size is not known", () => {
  const queue = new Queue();
  queue.add({ file: { size: 1000, lastModified: 1 }, path: "a.mp3" });
  assert.equal(chosenText(queue), "1 file · 1.0 kB");
  const item = queue.addLink({ link: LINK, path: "talk.mp3", size: null });
  assert.equal(chosenText(queue), "2 files");
  queue.set(item, { status: Status.UPLOADING, sent: 500, size: 500 });
  assert.equal(overallText(queue), "Overall: 500 bytes (size of 1 file not known)");
  assert.equal(beaconText({ phase: Phase.UPLOADING, queue }), "Upload…");
  queue.set(item, { size: 3000, sizeKnown: true });
  assert.equal(overallText(queue), "Overall: 12 % (500 bytes / 4.0 kB)");
  queue.remove(item);
  assert.equal(queue.unsized, 0);
});
