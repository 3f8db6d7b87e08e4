// The files of an upload: their sums, files of the same name, and what the server has of them.

import assert from "node:assert/strict";
import test from "node:test";

import { Queue, reconcile, Status } from "../../dashboard/frontend/uploader/queue.js";
import { answering } from "./server.js";

const file = (size, lastModified = 1) => ({ size, lastModified });
const paths = (queue) => [...queue.items].map(({ path }) => path);

test("the same file is listed once, another one of its path gets a number", () => {
  const queue = new Queue();
  queue.add({ file: file(5), path: "a/talk.mp3" });
  assert.equal(queue.add({ file: file(5), path: "a/talk.mp3" }), null);
  queue.add({ file: file(6), path: "a/talk.mp3" });
  queue.add({ file: file(5, 2), path: "a/talk.mp3" });
  assert.deepEqual(paths(queue), ["a/talk.mp3", "a/talk (2).mp3", "a/talk (3).mp3"]);
});

test("the number follows a name without an ending", () => {
  const queue = new Queue();
  for (const size of [5, 6, 7]) queue.add({ file: file(size), path: "a.b/talk" });
  assert.deepEqual(paths(queue), ["a.b/talk", "a.b/talk (2)", "a.b/talk (3)"]);
});

test("the sums follow every change, and do not count what is lost", () => {
  const queue = new Queue();
  const [one, two] = [queue.add({ file: file(10), path: "a.mp3" }), queue.add({ file: file(20), path: "b.mp3" })];
  queue.set(one, { status: Status.UPLOADING, sent: 4 });
  assert.deepEqual([queue.totalBytes, queue.sentBytes, queue.count(Status.PENDING)], [30, 4, 1]);
  queue.set(two, { status: Status.REFUSED });
  assert.deepEqual([queue.totalBytes, queue.sentBytes], [10, 4]);
  queue.sendAgain(one);
  queue.sendAgain(two);
  assert.deepEqual([queue.totalBytes, queue.sentBytes, queue.count(Status.PENDING)], [30, 0, 2]);
  queue.remove(one);
  queue.remove(one);
  assert.deepEqual([queue.size, queue.totalBytes, queue.count(Status.PENDING)], [1, 20, 1]);
});

test("a file that arrived before the page was loaded is recognised when it is chosen again", () => {
  const queue = new Queue();
  queue.addArrived({ path: "a.mp3", size: 5, job_id: "job" });
  assert.equal(queue.add({ file: file(5), path: "a.mp3" }), null);
  assert.equal(queue.byPath.get("a.mp3").file.size, 5, "now it could be sent again");
  queue.add({ file: file(6), path: "a.mp3" });
  assert.deepEqual(paths(queue), ["a.mp3", "a (2).mp3"]);
});

test("a file of another size that arrived unseen takes its path, and the one in the list is sent under another", () => {
  const queue = new Queue();
  queue.add({ file: file(5), path: "a.mp3" });
  queue.addArrived({ path: "a.mp3", size: 9, job_id: "job" });
  assert.deepEqual([...queue.items].map(({ path, size }) => [path, size]), [["a.mp3", 9], ["a (2).mp3", 5]]);
});

test("before the start the server holds what the person sees", async () => {
  const queue = new Queue();
  for (const path of ["there.mp3", "missing.mp3"]) {
    queue.set(queue.add({ file: file(5), path }), { status: Status.UPLOADED, sent: 5 });
  }
  const jobs = ["there.mp3", "unseen.mp3", "removed.mp3"].map((path) => ({ path, size: 5, job_id: `job of ${path}` }));
  const server = answering({ "DELETE /batch/b/jobs/job of removed.mp3": [204] });
  const { missing, jobIds } = await reconcile(queue, new Set(["removed.mp3"]), { batch_id: "b", jobs });
  assert.equal(missing, 1);
  assert.deepEqual(jobIds, ["job of there.mp3", "job of unseen.mp3"]);
  assert.deepEqual(server.calls, ["DELETE /batch/b/jobs/job of removed.mp3"]);
  assert.deepEqual(queue.having(Status.PENDING).map(({ path }) => path), ["missing.mp3"]);
  assert.deepEqual(queue.having(Status.UPLOADED).map(({ path }) => path), ["there.mp3", "unseen.mp3"]);
});
