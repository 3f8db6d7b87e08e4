// The transcription options in words.

import { counted } from "./formats.js";

const NAMES_BROWSERS_LACK = { ba: "Bashkir", bo: "Tibetan", jw: "Javanese" };
const languageNames = new Intl.DisplayNames(["en"], { type: "language" });

/** The name of a language by its code; the code itself if it is none that the browser knows. */
export function languageName(code) {
  try {
    return NAMES_BROWSERS_LACK[code] ?? languageNames.of(code) ?? code;
  } catch {
    return code;
  }
}

/** What is chosen of language, model, speakers and audio stream: "German · base · 2 speakers"; what is missing is not told. */
export function optionsText({ language, model, speakers, audio_stream: stream }) {
  return [
    language && (language === "auto" ? "language detected" : languageName(language)),
    model && (model === "auto" ? "automatic model" : model),
    speakers && (SPEAKERS[speakers] ?? counted(speakers, "speaker")),
    stream !== undefined && stream !== null && (stream ? `audio stream ${stream}` : "audio stream with speech"),
  ].filter(Boolean).join(" · ");
}

const SPEAKERS = { off: "speakers not told apart", auto: "speakers told apart" };
