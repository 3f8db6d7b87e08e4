// A JSON document as words and paragraphs. Its text says how words are set apart and where a paragraph ends; its
// segments say when each word is spoken. Both are brought together here, so that what is shown is the document's text.

/** Whether a UTF-16 unit is a space, a control character or a format character, which documents may leave out. */
const isInvisible = (unit) => /[\s\p{Cc}\p{Cf}]/u.test(unit);
const isSpace = (unit) => /\s/.test(unit);
const visible = (text) => text.split("").filter((unit) => !isInvisible(unit)).join("");

/** Return the words in order and each paragraph's first and last of them; starts never run backwards. */
export function layOut(transcript) {
  const spoken = spokenWords(transcript.segments);
  const paragraphs = paragraphsOfText(transcript.text, spoken) ?? paragraphsOfSegments(transcript.segments);
  const words = paragraphs.flat();
  let latest = 0;
  for (const word of words) latest = word.start = Math.max(latest, word.start);
  let first = 0;
  const spans = paragraphs.map((paragraph) => ({ first, last: (first += paragraph.length) - 1 }));
  return { words, paragraphs: spans };
}

/** Return the words of all segments; a segment without words is one long word, since nothing else is known of it. */
function spokenWords(segments) {
  const words = segments.flatMap((segment) => {
    const own = (segment.words ?? []).filter((word) => visible(word.text));
    return own.length ? own : [{ text: segment.text, start: segment.start, end: segment.end, probability: null }];
  });
  return words.filter((word) => visible(word.text));
}

/** Return the paragraphs of *text* as words with their times; null if it does not consist of these words. */
function paragraphsOfText(text, spoken) {
  const source = { next: 0, word: null, rest: "" };
  const paragraphs = [];
  for (const block of text.split("\n\n")) {
    const paragraph = wordsOfBlock(block, spoken, source);
    if (paragraph === null) return null;
    if (paragraph.length) paragraphs.push(paragraph);
  }
  return source.rest || source.next < spoken.length ? null : paragraphs;
}

function wordsOfBlock(block, spoken, source) {
  const words = [];
  let position = 0;
  for (;;) {
    const before = position;
    while (position < block.length && isSpace(block[position])) position++;
    if (position === block.length) return words;
    if (!source.rest) {
      if (source.next === spoken.length) return null;
      source.word = spoken[source.next++];
      source.rest = visible(source.word.text);
    }
    const end = endOfWord(block, position, source);
    if (end === null) return null;
    const { start, end: until, probability, speaker } = source.word;
    words.push({
      text: block.slice(position, end),
      spaced: position > before,
      start,
      end: until,
      probability,
      speaker,
    });
    position = end;
  }
}

/** Return where the word that begins at *position* ends, or null if another word stands there. */
function endOfWord(block, position, source) {
  let found = 0;
  while (found < source.rest.length && position < block.length) {
    if (!isInvisible(block[position]) && block[position] !== source.rest[found++]) return null;
    position++;
  }
  source.rest = source.rest.slice(found);
  while (position < block.length && isInvisible(block[position]) && !isSpace(block[position])) position++;
  return position;
}

/** Return each segment as a paragraph: for documents whose text was written by something else. */
function paragraphsOfSegments(segments) {
  return segments
    .map((segment) =>
      spokenWords([segment]).map((word) => ({ ...word, text: word.text.trim(), spaced: /^\s/.test(word.text) }))
    )
    .filter((words) => words.length);
}

/** Return the index of the last of *starts* that is not after *seconds*, -1 before the first. */
export function wordAt(starts, seconds) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= seconds) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
