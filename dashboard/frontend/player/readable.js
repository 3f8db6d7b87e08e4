// What there is to read of a transcript, whatever formats its batch was started with.

export const AWAY = "The dashboard does not answer. The transcript opens as soon as it does.";

/** The dashboard refused; if that is final, asking again does not help. */
export class Refused extends Error {
  constructor(message, { isFinal }) {
    super(message);
    this.isFinal = isFinal;
  }
}

/**
 * Return the *transcript*, with the times of its words: the dashboard writes it where it is not stored. Older versions
 * kept nothing that it could be made of: of theirs the *text* is returned. *ask* gets a document, or throws `Refused`.
 */
export async function readable(ask) {
  try {
    const { body } = await ask("documents/json");
    if (!body) throw new Refused(AWAY, { isFinal: false });
    return { transcript: body };
  } catch (error) {
    if (!error.isFinal) throw error;
    return textInPlaceOf(ask, error);
  }
}

async function textInPlaceOf(ask, refused) {
  try {
    const { text } = await ask("documents/txt");
    return { text };
  } catch (error) {
    throw error.isFinal ? refused : error;
  }
}
