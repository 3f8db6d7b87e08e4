// The sentences about an upload.

import { counted, dayAndTime, fileSize, number, percentOf, timeLeft } from "../shared/formats.js";
import { shownName } from "../shared/names.js";
import { LEFT_OUT } from "./choosing.js";
import { LOST, Phase, Status, UNDER_WAY } from "./queue.js";

const MOST_LETTERS = 200;

export function filesText({ phase, queue }) {
  if (phase === Phase.CHECKING) return "Asking the server what it accepts…";
  if (phase === Phase.STARTING) return "All files have arrived. Starting the batch…";
  const uploading = queue.count(...UNDER_WAY);
  const arrived = queue.count(Status.UPLOADED);
  const lost = queue.count(...LOST);
  const missing = queue.count(Status.MISSING);
  const parts = [
    uploading && `${number(uploading)} of ${number(queue.size)} uploading`,
    `${number(arrived)} complete`,
    lost && `${number(lost)} failed`,
    missing && `${number(missing)} missing`,
  ];
  return `Files: ${parts.filter(Boolean).join(" · ")}`;
}

// How much of the upload has arrived; no share of it as long as the size of a file is not known.
export function overallText(queue) {
  const { sentBytes, totalBytes, unsized } = queue;
  if (unsized) return `Overall: ${fileSize(sentBytes)} (size of ${counted(unsized, "file")} not known)`;
  return `Overall: ${percentOf(sentBytes, totalBytes)} % (${fileSize(sentBytes)} / ${fileSize(totalBytes)})`;
}

// What is chosen.
export function chosenText({ size, totalBytes, unsized }) {
  return [counted(size, "file"), !unsized && fileSize(totalBytes)].filter(Boolean).join(" · ");
}

// What is told of an upload on other pages: how far it is, or that it waits for the person.
export function beaconText({ phase, queue }) {
  if (phase === Phase.UPLOADING && queue.unsized) return "Upload…";
  if (phase === Phase.UPLOADING) return `Upload ${percentOf(queue.sentBytes, queue.totalBytes)} %`;
  if ([Phase.CHECKING, Phase.STARTING].includes(phase)) return "Upload…";
  return [Phase.STOPPED, Phase.REVIEW].includes(phase) ? "Upload stopped" : "";
}

// What may be chosen, in the kinds that people know; *maxFileBytes* is the limit of this installation.
export function takesText(maxFileBytes) {
  return `MP3, WAV, M4A, MP4, MKV and more, up to ${fileSize(maxFileBytes)} each. Subfolders are included.`;
}

export function speedText(queue, speed, freeBytes) {
  const rate = speed.bytesPerSecond;
  const room = freeBytes === null ? "" : `${fileSize(freeBytes)} free on the server`;
  const left = rate > 0 && !queue.unsized ? timeLeft((queue.totalBytes - queue.sentBytes) / rate) : "";
  return [`${fileSize(rate)}/s`, left, room].filter(Boolean).join(" · ");
}

export function verdictText({ phase, queue }) {
  const arrived = queue.count(Status.UPLOADED);
  const lost = queue.count(...LOST);
  const missing = queue.count(Status.MISSING);
  if (missing && [Phase.REVIEW, Phase.STOPPED].includes(phase)) {
    return `${number(arrived)} of ${counted(queue.size, "file")} ${arrived === 1 ? "is" : "are"} on the server. ${
      number(missing)
    } ${missing === 1 ? "is" : "are"} missing: choose ${missing === 1 ? "it" : "them"} again.`;
  }
  if (phase === Phase.REVIEW && lost) return `${number(lost)} of ${counted(queue.size, "file")} could not be uploaded.`;
  if (phase === Phase.STOPPED) {
    return `Stopped. ${number(arrived)} of ${counted(queue.size, "file")} ${
      arrived === 1 ? "is" : "are"
    } on the server; nothing is started.`;
  }
  return "";
}

export function discardText(files) {
  return `Delete ${counted(files, "uploaded file")}? Nothing of this batch stays on the server.`;
}

// What the button is called that does it.
export function deleteText(files) {
  return `Delete the ${files === 1 ? "uploaded file" : `${number(files)} uploaded files`}`;
}

export function interruptedText({ name, jobs, notes, parts = 0, partBytes = 0 }) {
  const files = Math.max(notes.files ?? 0, jobs.length + parts);
  const arrived = `${number(jobs.length)} of ${counted(files, "file")} ${
    jobs.length === 1 ? "is" : "are"
  } on the server`;
  const partly = parts ? `, and ${fileSize(partBytes)} of ${parts === 1 ? "one more" : `${number(parts)} more`}` : "";
  return (
    `The upload of “${shownName(name)}” was interrupted: ${arrived}${partly}. ` +
    "Continue, then choose the missing ones, or the same folder again: what is there already is skipped."
  );
}

export function leftOutText(leftOut) {
  const reasons = Object.entries(LEFT_OUT)
    .map(([why, words]) => [leftOut.filter((one) => one.why === why).length, words])
    .filter(([count]) => count);
  return `${counted(leftOut.length, "file")} left out: ${
    reasons.map(([count, words]) => `${count} ${words}`).join(", ")
  }`;
}

// A good name for a batch: that of its only file, of the folder that all files come from, or else the time of day here.
export function suggestedName(queue, now = new Date()) {
  if (!queue.size) return "";
  if (queue.size === 1) return [...queue.items][0].path.split("/").pop().slice(0, MOST_LETTERS);
  const folders = new Set();
  for (const { path } of queue.items) {
    folders.add(path.includes("/") ? path.slice(0, path.indexOf("/")) : "");
    if (folders.size > 1) break;
  }
  const [folder] = folders;
  return folders.size === 1 && folder ? folder.slice(0, MOST_LETTERS) : `Recordings of ${dayAndTime(now)}`;
}

export function listItem(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}
