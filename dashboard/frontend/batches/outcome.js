// What a batch has come to: its badge, its title and its counts, in the same words on all pages.

import { counted, number, percentage } from "../shared/formats.js";

export const ENDED = new Set(["completed", "failed", "cancelled"]);

export const finishedOf = ({ done, failed, cancelled }) => done + failed + cancelled;

/** The badge of a batch: its word, a sign for those who can't tell the colours, and the kind, which has a colour. */
export function badgeOf({ state, summary: { done, failed } }) {
  if (state === "completed") return { word: "Done", sign: "✓", kind: "good" };
  if (state !== "failed") return BADGES[state];
  return done ? { word: `Done, ${number(failed)} failed`, sign: "!", kind: "warn" } : BADGES.failed;
}

const BADGES = {
  uploading: { word: "Uploading", sign: "↑", kind: "quiet" },
  waiting: { word: "Waiting", sign: "○", kind: "quiet" },
  running: { word: "Running", sign: "↻", kind: "busy" },
  cancelling: { word: "Cancelling", sign: "↻", kind: "warn" },
  cancelled: { word: "Cancelled", sign: "⊘", kind: "warn" },
  failed: { word: "Failed", sign: "✗", kind: "bad" },
};

export function titleOf({ state, summary }) {
  if (summary.retrying && ["waiting", "running"].includes(state)) {
    return `Retrying ${counted(summary.retrying, "file")}`;
  }
  if (state === "running" && finishedOf(summary) === summary.total) return "Finishing";
  if (state === "running" && !summary.transcribing && !finishedOf(summary)) {
    return summary.uploaded || summary.converting ? "Preparing" : "Waiting for a device";
  }
  if (state === "failed") {
    if (!summary.done) return "Batch failed";
    return `Batch complete, ${counted(summary.failed, "file")} failed`;
  }
  return {
    uploading: "Waiting for uploads",
    waiting: "Waiting for a worker",
    running: "Transcribing",
    cancelling: "Stopping",
    completed: "Batch complete",
    cancelled: "Batch cancelled",
  }[state];
}

/** A batch that has ended, in a word or two. */
export function resultOf({ state, summary }) {
  if (state === "cancelled") return "Cancelled";
  if (summary.failed) return `${number(summary.failed)} failed`;
  return state === "failed" ? "Failed" : "Done";
}

/** How far a batch is, or what it has come to, for the title of a tab; "" before it has started. */
export function briefOf(batch) {
  if (batch.state === "uploading") return "";
  return ENDED.has(batch.state) ? resultOf(batch) : percentage(batch.summary.progress);
}

/** What a batch has come to in numbers: "8 succeeded, 4 failed". */
export function outcomeOf({ done, failed, cancelled }) {
  const parts = [`${number(done)} succeeded`];
  if (failed) parts.push(`${number(failed)} failed`);
  if (cancelled) parts.push(`${number(cancelled)} cancelled`);
  return parts.join(", ");
}

/** What the button is called that runs jobs again. */
export const againOf = ({ state }) => state === "cancelled" ? "Run Again" : "Retry Failed";
