// Search without regard to case and accents, across the words of a paragraph.

import { wordAt } from "./layout.js";

/** Return *text* without what a search does not look at. */
function fold(text) {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/ß/g, "ss")
    .replace(/ς/g, "σ")
    .replace(/[‘’]/g, "'");
}

/** Return each paragraph's folded text and where in it each word begins. */
export function searchIndex({ words, paragraphs }) {
  return paragraphs.map(({ first, last }) => {
    const starts = [];
    let text = "";
    for (let index = first; index <= last; index++) {
      if (words[index].spaced && index > first) text += " ";
      starts.push(text.length);
      text += fold(words[index].text);
    }
    return { first, starts, text };
  });
}

/** Return all places of *query*, in order: the words where it begins and ends, and the characters in them. */
export function findAll(index, words, query) {
  const wanted = fold(query).trim().replace(/\s+/g, " ");
  const matches = [];
  for (const { first, starts, text } of wanted ? index : []) {
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      const place = (offset) => {
        const number = wordAt(starts, offset);
        return { word: first + number, character: unfolded(words[first + number].text, offset - starts[number]) };
      };
      const end = place(at + wanted.length - 1);
      end.character = nextCharacter(words[end.word].text, end.character);
      matches.push({ begin: place(at), end });
    }
  }
  return matches;
}

/** Return the index in *text* of the character whose folded form holds the folded *offset*. */
function unfolded(text, offset) {
  if (/^[\x20-\x7e]*$/.test(text)) return offset;
  let at = 0;
  let folded = 0;
  for (const character of text) {
    folded += fold(character).length;
    if (folded > offset) return at;
    at += character.length;
  }
  return text.length;
}

/** Return the index after the character at *at* and the marks set upon it. */
function nextCharacter(text, at) {
  at += String.fromCodePoint(text.codePointAt(at) ?? 0).length;
  while (at < text.length && fold(text[at]) === "" && !/\s/.test(text[at])) at++;
  return Math.min(at, text.length);
}
