// What the editor asks and shows in front of the text.

import { nameOf } from "../player/speakers.js";
import { make } from "../shared/dom.js";
import { clock } from "../shared/formats.js";
import { UNNAMED } from "./archive.js";
import { heldFocus } from "./caret.js";
import { speakerOf } from "./model.js";
import { startOf } from "./timeline.js";

/** Ask who saves, and for a note; returns both, or null if it was thought better of. */
export function askForName(root, name) {
  const who = make("input", { type: "text", maxlength: 100, autocomplete: "name", "aria-describedby": "who-hint" });
  who.value = name ?? "";
  const note = make("input", { type: "text", maxlength: 1000, autocomplete: "off" });
  const form = make(
    "form",
    { method: "dialog" },
    make("h2", {}, "Save a revision"),
    make("label", {}, "Your name", who),
    make(
      "p",
      { class: "hint", id: "who-hint" },
      `Shown with the revision, and remembered in this browser. Left empty, it is “${UNNAMED}”.`,
    ),
    make("label", {}, "Note", note),
    make("p", { class: "hint" }, "What you changed, for those who read it later. May stay empty."),
    make(
      "div",
      { class: "actions" },
      make("button", { class: "button primary", value: "save" }, "Save"),
      make("button", {
        class: "button",
        value: "",
        type: "button",
        onclick: () => dialog.dispatchEvent(new Event("cancel")),
      }, "Cancel"),
    ),
  );
  const dialog = make("dialog", { class: "dialog", "aria-label": "Save a revision" }, form);
  return opened(root, dialog, () => ({ name: who.value.trim(), note: note.value.trim() }));
}

/** Show paragraphs of a version in front of the text; *actions* are buttons by their labels. Returns what was chosen. */
export function showVersion(root, { title, paragraphs, actions = [] }) {
  const buttons = actions.map((label) => make("button", { class: "button", value: label }, label));
  const dialog = make(
    "dialog",
    { class: "dialog version", "aria-label": title },
    make(
      "form",
      { method: "dialog", class: "version-head" },
      make("h2", {}, title),
      make("div", { class: "actions" }, ...buttons, make("button", { class: "button", value: "" }, "Close")),
    ),
    make("div", { class: "version-text", tabindex: 0, role: "region", "aria-label": "Text" }, ...paragraphs),
  );
  return opened(root, dialog, (choice) => choice);
}

/** Open a dialog; returns the answer to it. Typing goes on where the caret was. */
function opened(root, dialog, answer) {
  let giveBack = heldFocus(root);
  const leave = (event, value) => {
    event.preventDefault();
    dialog.close(value);
    giveBack(); // at once: the event of the end comes later, and keys may come before it
    giveBack = () => {};
  };
  root.append(dialog);
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("cancel", (event) => leave(event, ""));
  dialog.addEventListener("submit", (event) => leave(event, event.submitter?.value ?? ""));
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      giveBack();
      resolve(dialog.returnValue ? answer(dialog.returnValue) : null);
    });
  });
}

/** Return the paragraphs of a transcript, to read. */
export function readable(transcript) {
  return transcript.paragraphs.map((paragraph) => {
    const name = transcript.speakers.length ? `${nameOf(transcript, speakerOf(paragraph))}: ` : "";
    const start = startOf(paragraph);
    return make(
      "p",
      { dir: "auto" },
      make("span", { class: "time" }, start === null ? "" : clock(start)),
      make("strong", {}, name),
      paragraph.text,
    );
  });
}

/** Return compared paragraphs; those without a difference are only counted. */
export function readableDifferences(compared) {
  const shown = [];
  let [same, count] = [0, 0];
  const tellSame = () => {
    if (same) {
      shown.push(make("p", { class: "hint" }, `${same === 1 ? "1 paragraph" : `${same} paragraphs`} unchanged`));
    }
    same = 0;
  };
  for (const { runs, isChanged } of compared) {
    if (!isChanged) same++;
    else {
      tellSame();
      count++;
      shown.push(make("p", { dir: "auto" }, ...runs.map(({ kind, text }) => make(TAGS[kind], {}, text))));
    }
  }
  tellSame();
  return count ? shown : [make("p", {}, "They say the same.")];
}

const TAGS = { same: "span", deleted: "del", inserted: "ins" };
