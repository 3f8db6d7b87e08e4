// What the editor is asked about changes that are not saved.

import { timeOfDay } from "../shared/formats.js";
import { discardDraft } from "./drafts.js";

/** Tell of a draft that was gone on with, and of what was saved since it was made. */
export function tellDraft(editor, draft, body) {
  if (!draft) return;
  const from = `This is your draft from ${timeOfDay(draft.at)}.`;
  const discard = () => {
    editor.throwAway();
    discardDraft(editor.jobId, draft.base);
    editor.reopen();
  };
  if (body.latest <= draft.base) {
    editor.bar.ask(from, { "Go on": () => editor.focusText(), "Discard it": discard });
    return;
  }
  const sentence = `${from} It changes revision ${draft.base}; since then, revision ${body.latest} was saved.`;
  const compare = async () => {
    await editor.saving.compareWith(null);
    tellDraft(editor, draft, body);
  };
  editor.bar.ask(sentence, {
    "Look at both": compare,
    "Go on with mine": () => editor.focusText(),
    "Discard mine": discard,
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
