// The elements of a transcript. Names and texts are set as text, never as HTML.

import { make } from "../shared/dom.js";
import { clock, dayAndTime, duration, textLength } from "../shared/formats.js";
import { languageName } from "../shared/options.js";
import { shownName } from "../shared/names.js";
import { DOUBTED, UNLIKELY } from "./doubts.js";
import { wordAt } from "./layout.js";
import { areSeveral, nameOf } from "./speakers.js";

const CHARACTERS_PER_LINE = 70;

/** Return the transcript's paragraphs and the elements of its words; nothing listens to any of them by itself. */
export function makeText({ words, paragraphs }, { language, seekable, speakers = [] }) {
  const elements = words.map(({ text }, index) => {
    const element = make("span", { class: "word" }, text);
    element.dataset.word = index;
    return element;
  });
  const areLabelled = areSeveral(words);
  let speaker;
  const blocks = paragraphs.map(({ first, last }) => {
    const block = make("div", { class: "paragraph" });
    const text = make("p", { class: "words" });
    text.dir = "auto";
    text.lang = language;
    let characters = 0;
    for (let index = first; index <= last; index++) {
      if (words[index].spaced && index > first) text.append(" ");
      text.append(elements[index]);
      characters += words[index].text.length + 1;
    }
    block.style.setProperty("--lines", Math.ceil(characters / CHARACTERS_PER_LINE));
    const isOther = areLabelled && words[first].speaker && words[first].speaker !== speaker;
    speaker = words[first].speaker;
    const name = isOther && make("p", { class: "said-by" }, nameOf({ speakers }, speaker));
    block.append(makeTime(words[first].start, first, seekable), name ? make("div", {}, name, text) : text);
    return block;
  });
  return { elements, blocks };
}

function makeTime(start, word, seekable) {
  const time = make(seekable ? "button" : "span", { class: "time" }, clock(start));
  if (!seekable) return time;
  time.type = "button";
  time.tabIndex = -1; // the arrow keys reach every paragraph; a thousand stops of the tab key would be in the way
  time.dataset.word = word;
  time.setAttribute("aria-label", `Go to ${clock(start)}`);
  return time;
}

/** Return what was taken out: when, why, and the text itself. */
export function makeRemoved({ start, end, text, reason }) {
  const block = make("div", { class: "removed" });
  block.setAttribute("role", "note");
  block.append(make("span", { class: "time" }, clock(start)));
  const words = make("p", { class: "words" });
  words.append(make("strong", {}, `Removed, ${clock(start)}–${clock(end)}: ${reason}`), make("br"));
  const removed = make("del", {}, text);
  removed.dir = "auto";
  words.append(removed);
  block.append(words);
  return block;
}

const GAP_REASONS = { "not understood": "heard, not understood", unreadable: "damaged, cannot be played or read" };

/** Return the line that stands for a stretch without words. */
export function makeGap({ start, end, reason }) {
  const block = make("div", { class: "gap" });
  block.setAttribute("role", "note");
  const sentence = `[${clock(start)}–${clock(end)} ${GAP_REASONS[reason] ?? reason}]`;
  block.append(make("span", { class: "time" }, clock(start)), make("p", { class: "words" }, sentence));
  return block;
}

/** Put removed texts and gaps, in order of time, behind the paragraphs in which they begin. */
export function insertNotes({ removed = [], gaps = [] }, blocks, starts) {
  const notes = [...removed.map((one) => [one, makeRemoved]), ...gaps.map((one) => [one, makeGap])];
  const after = new Map();
  for (const [one, makeNote] of notes.sort(([one], [other]) => one.start - other.start)) {
    const index = wordAt(starts, one.start);
    after.set(index, [...(after.get(index) ?? []), makeNote(one)]);
  }
  return [-1, ...blocks.keys()].flatMap(
    (index) => [...(index < 0 ? [] : [blocks[index]]), ...(after.get(index) ?? [])],
  );
}

/** Return which of an upload's audio streams was transcribed; nothing if it has one. */
export function audioStreamOf(processing) {
  const streams = processing?.audio_streams ?? [];
  if (streams.length < 2) return "";
  const number = processing.audio_stream;
  const { title, language } = streams.find((stream) => stream.number === number) ?? {};
  const names = [title && `“${title}”`, language && languageName(language)].filter(Boolean);
  return [`Audio stream ${number} of ${streams.length}`, ...names].join(", ");
}

/** Return the facts of the transcript's head, each with what it means where that is not plain. */
export function factsOf(transcript) {
  const { language, model, audio_seconds: seconds, real_time_factor: factor, processing } = transcript;
  const translated = processing?.task === "translate";
  const several = Object.keys(transcript.languages ?? {});
  const spoken = (several.length ? several : [language]).map(languageName).join(", ");
  const facts = [
    translated
      ? { text: `Translated from ${spoken} into English`, className: "badge" }
      : { text: spoken, title: `Language, ${Math.round(transcript.language_probability * 100)} % sure` },
    { text: clock(seconds), title: "Duration" },
    { text: textLength(transcript.text) },
    { text: `Model ${model}`, title: processing ? `${processing.device}, ${processing.compute_type}` : "" },
  ];
  const { revision = 0, revised_at: revisedAt, revised_by: revisedBy } = transcript;
  if (revision) {
    const title = revisedAt ? `Saved on ${dayAndTime(new Date(revisedAt))}` : "";
    facts.splice(1, 0, {
      text: [`Revision ${revision}`, shownName(revisedBy ?? "")].filter(Boolean).join(", "),
      title,
    });
  }
  const stream = audioStreamOf(processing);
  if (stream) facts.push({ text: stream, title: "The others were left out; the option audio_stream chooses one" });
  if (factor !== null && factor !== undefined) {
    const title = `Real-time factor ${factor.toFixed(2)}: transcription time ÷ audio duration`;
    facts.push({ text: `Transcribed in ${duration(factor * seconds)}`, title });
  }
  return facts.map(({ text, title, className }) => {
    const fact = make("li", { class: className }, text);
    if (title) fact.title = title;
    return fact;
  });
}

/** Mark the words of which the model was not sure, or take the marks away; return them as a text. */
export function markDoubts(words, elements, shown) {
  const doubted = [];
  words.forEach(({ probability }, index) => {
    if (probability === null || probability >= DOUBTED) return;
    doubted.push(words[index].text);
    const element = elements[index];
    element.classList.toggle(probability < UNLIKELY ? "unlikely" : "doubted", shown);
    if (shown) element.title = `${Math.round(probability * 100)} % sure`;
    else element.removeAttribute("title");
  });
  return doubted.join(" ");
}

/** Return what the marks of doubted words mean. */
export function legendOf(doubted, text) {
  const percent = (share) => `${Math.round(share * 100)} %`;
  const [part, whole] = [textLength(doubted), textLength(text)];
  const told = whole.includes(", ") ? `${part} out of ${whole}` : `${part.split(" ")[0]} of ${whole}`;
  return [
    "The model was less than ",
    make("span", { class: "doubted" }, `${percent(DOUBTED)} sure`),
    " or less than ",
    make("span", { class: "unlikely" }, `${percent(UNLIKELY)} sure`),
    ` of ${told}. Point at one, or choose it with the keys, to see how sure.`,
  ];
}
