// What the speakers of a transcript are called.

/** Return what a speaker is called: by name, or by number. */
export function nameOf({ speakers }, id) {
  if (!id) return "No speaker";
  return speakers.find((speaker) => speaker.id === id)?.name || `Speaker ${id.replace(/^S(?=\d)/, "")}`;
}
