// Numbers, sizes, lengths and times, as all pages write them.

import assert from "node:assert/strict";
import test from "node:test";

import {
  audioLength,
  clock,
  counted,
  duration,
  fileSize,
  percentage,
  percentOf,
  textLength,
  timeLeft,
} from "../../dashboard/frontend/shared/formats.js";

const rules = (name, write, cases) => {
  test(name, () => {
    for (const [value, text] of cases) assert.equal(write(value), text, `of ${value}`);
  });
};

rules("a text has words, and characters where no spaces are between words", textLength, [
  ["", "0 words"],
  ["One two – three.", "3 words"],
  ["上个星期我们谈到了。", "9 characters"],
  ["エドワード・ジェンナー、", "10 characters"], // ー is one, ・ is not
  ["สวัสดี", "4 characters"], // vowels above and below are no characters of their own
  ["나는 학교에 간다", "3 words"],
  ["What is it? 今天天气 AI技术", "4 words, 6 characters"],
]);

rules("a size has one unit and three digits at most", fileSize, [
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1_000, "1.0 kB"],
  [99_949, "99.9 kB"],
  [99_950, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"], // not 1000 kB
  [12_345_678, "12.3 MB"],
  [999_999_999, "1.0 GB"],
  [2_000_000_000_000_000, "2000 TB"],
]);

rules("a length has two units at most, and a full minute none of 60 s", duration, [
  [0.4, "0 s"],
  [59.4, "59 s"],
  [59.5, "1 min 00 s"],
  [200, "3 min 20 s"],
  [3599.6, "1 h 00 min"],
  [7500, "2 h 05 min"],
]);

rules("a forecast is no more exact than it can be", timeLeft, [
  [3, "a few seconds left"],
  [31, "about 40 s left"],
  [61, "about 2 min left"],
  [3600, "about 1 h 00 min left"],
]);

rules("amounts of audio are hours from one hour on", audioLength, [[725, "12 min 05 s"], [5040, "1.4 h"]]);

rules("a place in a recording is written as players do", clock, [
  [-1, "0:00"],
  [245.9, "4:05"],
  [3845, "1:04:05"],
]);

rules("a share is 100 % only if nothing is missing", percentage, [[0.999, "99 %"], [1, "100 %"]]);

test("a part of nothing is 0 %, and too much is 100 %", () => {
  assert.equal(percentOf(0, 0), 0);
  assert.equal(percentOf(999, 1000), 99);
  assert.equal(percentOf(2, 1), 100);
});

test("one thing is no plural, and large numbers are grouped", () => {
  assert.equal(counted(1, "file"), "1 file");
  assert.equal(counted(12_345, "file"), "12,345 files");
  assert.equal(counted(2, "batch", "batches"), "2 batches");
});
