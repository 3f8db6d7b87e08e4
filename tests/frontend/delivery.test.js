// Files on their way: a large one goes on where its connection broke, a small one is sent again as a whole.

import assert from "node:assert/strict";
import test from "node:test";

import { Sender, Speed } from "../../dashboard/frontend/uploader/delivery.js";
import { Queue, Status } from "../../dashboard/frontend/uploader/queue.js";
import { withoutWaiting } from "./server.js";

const LARGE = 2 ** 24;

/** A server that keeps what arrives by PATCH. The connection breaks when it has so many bytes of *breaks*, in turn. */
function keeping(...breaks) {
  const server = { requests: [], parts: new Map(), busy: 0 };
  globalThis.fetch = (address) => {
    const which = new URL(address, "http://server").searchParams.get("fingerprint");
    server.requests.push("GET");
    const busy = server.busy-- > 0;
    const body = busy ? { detail: "It is being received in another tab." } : { arrived: server.parts.get(which) ?? 0 };
    return Promise.resolve(new Response(JSON.stringify(body), { status: busy ? 423 : 200 }));
  };
  globalThis.XMLHttpRequest = class {
    upload = {};
    offset = 0;
    open(method, address) {
      this.method = method;
      this.which = new URL(address, "http://server").searchParams.get("fingerprint");
    }
    setRequestHeader(name, value) {
      if (name === "Upload-Offset") this.offset = Number(value);
    }
    getResponseHeader() {
      return null;
    }
    abort() {}
    send(body) {
      server.requests.push(`${this.method} ${this.offset}+${body.size}`);
      const end = this.offset + body.size;
      const last = Math.min(end, breaks.shift() ?? end);
      this.upload.onprogress({ loaded: last - this.offset });
      if (this.method === "PATCH") server.parts.set(this.which, last);
      Object.assign(this, { status: 201, responseText: '{"job_id": "job"}' });
      setTimeout(() => last < end ? this.onerror() : this.onload(), 0);
    }
  };
  return server;
}

/** Send files until all is well, and return their items with what was shown of them on the way. */
async function sent(...files) {
  const queue = new Queue();
  const upload = { queue, batch: { batchId: "b" }, speed: new Speed(), parallelUploads: 1, shown: [] };
  const items = files.map(({ path, ...file }) => queue.add({ path, file: Object.assign(file.file, file) }));
  upload.notify = () => upload.shown.push(...items.map(({ status, sent, reason }) => ({ status, sent, reason })));
  items.forEach((item) => (item.checked = true));
  await withoutWaiting(() => new Promise((done) => new Sender(upload, done).begin()));
  return { items, shown: upload.shown };
}

const film = (size, lastModified = 1) => ({ path: "film.mp4", file: new Blob([new Uint8Array(size)]), lastModified });

test("a large file goes on where its connection broke, however often", async () => {
  const server = keeping(9_000_000, 12_000_000);
  const { items, shown } = await sent(film(LARGE));
  assert.deepEqual(items.map(({ status, sent }) => [status, sent]), [[Status.UPLOADED, LARGE]]);
  const tries = server.requests.filter((request) => request.startsWith("PATCH"));
  assert.deepEqual(tries, [`PATCH 0+${LARGE}`, `PATCH 9000000+${LARGE - 9e6}`, `PATCH 12000000+${LARGE - 12e6}`]);
  const waiting = shown.filter(({ status }) => status === Status.WAITING);
  assert.deepEqual(waiting.map(({ sent }) => sent), [9_000_000, 12_000_000], "the bar does not fall back");
});

test("the same file is continued after a reload, one that was changed since is not", async () => {
  const server = keeping();
  await sent(film(LARGE, 1));
  const [which] = server.parts.keys();
  server.parts.set(which, 5_000_000);
  server.requests.length = 0;
  await sent(film(LARGE, 1));
  await sent(film(LARGE, 2));
  assert.deepEqual(server.requests, ["GET", `PATCH 5000000+${LARGE - 5e6}`, "GET", `PATCH 0+${LARGE}`]);
});

test("a file that another tab sends waits, and says so", async () => {
  const server = keeping();
  server.busy = 2;
  const { items, shown } = await sent(film(LARGE));
  assert.equal(items[0].status, Status.UPLOADED);
  const reasons = shown.filter(({ status }) => status === Status.WAITING).map(({ reason }) => reason);
  assert.deepEqual(new Set(reasons), new Set(["It is being received in another tab."]));
});

test("a small file costs one request, and is sent again as a whole", async () => {
  const server = keeping(300);
  await sent(film(1000));
  assert.deepEqual(server.requests.filter((request) => request !== "GET"), ["POST 0+1000", "POST 0+1000"]);
});
