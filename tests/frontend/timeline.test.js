// What the timeline of a batch makes of the attempts of its jobs.

import assert from "node:assert/strict";
import test from "node:test";

import { lanesOf, spansOf, sum, timesUnderWay } from "../../dashboard/frontend/batches/timeline.js";

const at = (minutes) => new Date(Date.UTC(2026, 0, 1, 12, minutes)).toISOString();
const now = Date.parse(at(60));
const tried = (from, to, as = "completed", pool = "gpu-0") => ({
  started_at: at(from),
  ended_at: to === null ? null : at(to),
  ended_as: to === null ? null : as,
  work_pool: pool,
});
const job = (name, ...attempts) => ({
  job_id: name,
  path: name,
  stage: "done",
  work_pool: "gpu-0",
  attempts,
  helpers: [],
});
const minutes = (milliseconds) => milliseconds / 60_000;

test("first attempts stay, each with its own end and colour", () => {
  const spans = spansOf([job("a", tried(0, 2, "failed"), tried(30, 33)), job("b", tried(31, null))], now);
  assert.deepEqual(spans.map(({ word }) => word), ["failed", "done", "done"]);
  assert.deepEqual(spans.map(({ job, number, kind, from, to }) => [job.job_id, number, kind, minutes(to - from)]), [
    ["a", 1, "bad", 2],
    ["a", 2, "good", 3],
    ["b", 1, "busy", 29],
  ]);
});

test("the pause before a retry is no idle time of a device", () => {
  const jobs = [job("a", tried(0, 2, "failed"), tried(30, 32)), job("b", tried(0, 2))];
  const spans = spansOf(jobs, now);
  const times = timesUnderWay([tried(0, 2), tried(30, 32)], spans, now);
  const [device] = lanesOf(spans);
  assert.deepEqual([minutes(sum(times)), minutes(device.busy), device.jobs, device.lanes.length], [4, 4, 2, 2]);
});

test("a job that is retried alone, after its batch, counts as well", () => {
  const spans = spansOf([job("a", tried(0, 2, "failed"), tried(30, 35))], now);
  assert.equal(minutes(sum(timesUnderWay([tried(0, 2)], spans, now))), 7);
});

test("a device without a job of the batch is shown as idle", () => {
  const devices = lanesOf(spansOf([job("a", tried(0, 2, "completed", "gpu-10"))], now), ["gpu-2", "gpu-10"]);
  assert.deepEqual(devices.map(({ name, jobs, busy }) => [name, jobs, minutes(busy)]), [["gpu-2", 0, 0], [
    "gpu-10",
    1,
    2,
  ]]);
});

test("a device that helps is busy for as long, with help and no job of its own", () => {
  const helped = {
    ...job("a", tried(0, 9)),
    helpers: [tried(2, 5, "completed", "gpu-1"), tried(7, null, "", "gpu-1")],
  };
  const spans = spansOf([helped], Date.parse(at(9)));
  assert.deepEqual(spans.map(({ pool, helps, word, kind }) => [pool, helps, word, kind]), [
    ["gpu-0", false, "done", "good"],
    ["gpu-1", true, "helped", "good"],
    ["gpu-1", true, "helps", "busy"],
  ]);
  const devices = lanesOf(spans, ["gpu-1", "gpu-2"]);
  assert.deepEqual(devices.map(({ name, jobs, helps, busy }) => [name, jobs, helps, minutes(busy)]), [
    ["gpu-0", 1, 0, 9],
    ["gpu-1", 0, 1, 5],
    ["gpu-2", 0, 0, 0],
  ]);
});
