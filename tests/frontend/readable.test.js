// What can be read of a transcript, whatever its batch was started with.

import assert from "node:assert/strict";
import test from "node:test";

import { readable, Refused } from "../../dashboard/frontend/player/readable.js";

const PASSING = new Refused("away", { isFinal: false });
const refused = (document) => new Refused(`There is no ${document}.`, { isFinal: true });

/** Ask for documents of which there are these. */
const among = (documents) => (document) => {
  const answer = documents[document] ?? refused(document);
  return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
};

test("a transcript is read with its times, whatever formats were asked for", async () => {
  const body = { text: "Hello." };
  assert.deepEqual(await readable(among({ "documents/json": { body }, "documents/txt": { text: "Old." } })), {
    transcript: body,
  });
});

test("of a transcript without times the text is read", async () => {
  assert.deepEqual(await readable(among({ "documents/txt": { text: "Hello." } })), { text: "Hello." });
});

test("a dashboard that is away is asked again, not for the text", async () => {
  const text = { text: "Hello." };
  await assert.rejects(readable(among({ "documents/json": PASSING, "documents/txt": text })), PASSING);
  await assert.rejects(readable(among({ "documents/txt": PASSING })), PASSING);
  await assert.rejects(readable(among({ "documents/json": { body: null }, "documents/txt": text })), {
    isFinal: false,
  });
});

test("where there is nothing to read, it is told why", async () => {
  await assert.rejects(readable(among({})), { message: "There is no documents/json.", isFinal: true });
});
