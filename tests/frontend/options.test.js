// The transcription options in words.

import assert from "node:assert/strict";
import test from "node:test";

import { optionsText } from "../../dashboard/frontend/shared/options.js";

test("options are told in few words, and only those that are chosen", () => {
  assert.equal(optionsText({}), "");
  assert.equal(
    optionsText({ language: "de", model: "base", speakers: 2, audio_stream: 3 }),
    "German · base · 2 speakers · audio stream 3",
  );
  assert.equal(
    optionsText({ language: "auto", model: "auto", speakers: "off", audio_stream: 0 }),
    "language detected · automatic model · speakers not told apart · audio stream with speech",
  );
  assert.equal(optionsText({ language: "jw", speakers: 1 }), "Javanese · 1 speaker");
});
