// Calls of the HTTP API while the server is away, busy, or answers.

import assert from "node:assert/strict";
import test from "node:test";

import { call, callPatiently, reasonOf, wasAccepted } from "../../dashboard/frontend/shared/api.js";
import { answering, withoutWaiting } from "./server.js";

test("a broken connection is an answer, and so is one that is no JSON", async () => {
  answering({ "GET /batch": [0] });
  assert.deepEqual(await call("GET", "/batch"), { status: 0 });
  globalThis.fetch = () => Promise.resolve(new Response("<h1>Bad gateway</h1>", { status: 502 }));
  const { status, body } = await call("GET", "/batch");
  assert.deepEqual([status, body], [502, null]);
  assert.match(reasonOf({ status, body }), /The server answered 502/);
});

test("the reason of a refusal is the server's own sentence", () => {
  assert.equal(reasonOf({ status: 413, body: { detail: "The file is too large." } }), "The file is too large.");
  assert.match(reasonOf({ status: 0 }), /cannot be reached/);
});

test("a call is repeated ever later while the trouble may pass, and never earlier than the server asks", async () => {
  const server = answering({
    "GET /batch/b": [0, 503, [429, null, { "Retry-After": "20" }], [200, { state: "running" }]],
  });
  let answer;
  const waits = await withoutWaiting(async () => (answer = await callPatiently("GET", "/batch/b")));
  assert.ok(wasAccepted(answer));
  assert.deepEqual(answer.body, { state: "running" });
  assert.equal(server.calls.length, 4);
  assert.deepEqual(waits, [1, 2, 20]);
});

test("a refusal is not repeated", async () => {
  const server = answering({ "POST /batch": [[409, { detail: "No." }]] });
  assert.equal((await callPatiently("POST", "/batch", { body: {} })).status, 409);
  assert.equal(server.calls.length, 1);
});

test("who comes back online waits no longer, and who gives up calls no more", async () => {
  const server = answering({ "GET /batch": [0, 0, [200, []]] });
  const online = callPatiently("GET", "/batch", {
    onWait: () => queueMicrotask(() => dispatchEvent(new Event("online"))),
  });
  assert.equal((await online).status, 200);
  answering({ "GET /batch": [0] });
  const giving = new AbortController();
  const answer = callPatiently("GET", "/batch", {
    signal: giving.signal,
    onWait: () => queueMicrotask(() => giving.abort()),
  });
  assert.equal((await answer).status, 0);
  assert.equal(server.calls.length, 3);
});

test("an answer has its text, and what else is wanted is for fetch", async () => {
  const wanted = [];
  globalThis.fetch = (url, request) => {
    wanted.push([url, request.method, request.headers, request.cache]);
    return Promise.resolve(new Response("Hello.\n", { status: 206 }));
  };
  const range = { Range: "bytes=0-0" };
  const answer = await call("GET", "/jobs/a/audio", { headers: range, cache: "no-store" });
  assert.deepEqual([wasAccepted(answer), answer.text, answer.body], [true, "Hello.\n", null]);
  assert.deepEqual(wanted, [["/api/jobs/a/audio", "GET", range, "no-store"]]);
});

test("a call that takes longer than its seconds is as good as broken", async () => {
  globalThis.fetch = (_, { signal }) =>
    new Promise((_, refuse) => signal.addEventListener("abort", () => refuse(signal.reason)));
  assert.deepEqual(await call("GET", "/health", { seconds: 0.05 }), { status: 0 });
});
