// What is told and asked about changes that are not saved.

import { timeOfDay } from "../shared/formats.js";

/** Return what became of the changes; *savedNumber* is the revision that was saved last. */
export function stateOf({ isDirty, isKept }, savedNumber) {
  if (!isDirty) return savedNumber ? `Saved as revision ${savedNumber}.` : "";
  return isKept
    ? "Not saved yet; a draft is kept in this browser."
    : "Not saved yet, and this browser keeps no draft: save before you leave.";
}

/** Tell who goes on with a draft what was saved since it was made. */
export function tellDraft(editor, draft, body) {
  if (!draft || body.latest <= draft.base) return;
  const changed = draft.base ? `revision ${draft.base}` : "the machine’s transcript";
  const made = `This is your draft from ${timeOfDay(draft.at)}. It changes ${changed};`;
  const compare = async () => {
    await editor.saving.compareWith(null);
    tellDraft(editor, draft, body);
  };
  editor.bar.ask(`${made} since then, revision ${body.latest} was saved.`, {
    "Look at both": compare,
    "Go on with mine": () => editor.focusText(),
    "Discard mine": () => {
      editor.throwAway();
      editor.reopen();
    },
  });
}

/** Go back to reading; what is not saved is asked about first. */
export function askToLeave(editor) {
  if (!editor.session.isDirty) return editor.leave();
  editor.bar.ask("Your changes are not saved.", {
    "Save": async () => {
      await editor.saving.save();
      if (!editor.session.isDirty) editor.leave();
    },
    "Keep as a draft": () => editor.leave(),
    "Throw away": () => {
      editor.throwAway();
      editor.leave();
    },
    "Go on editing": () => editor.focusText(),
  });
}
