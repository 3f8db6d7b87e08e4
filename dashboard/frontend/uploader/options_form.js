// The form beside the files: what the batch is called and how it is transcribed. The browser remembers what was chosen.

import { counted } from "../shared/formats.js";
import { languageName, optionsText } from "../shared/options.js";
import { store, stored } from "../shared/storage.js";
import { byPath } from "./choosing.js";

const CHOICES = "batchscribe.options";
const OTHER_MODEL = "other";
const MOST_WORDS = 200;

export class OptionsForm {
  constructor(root, constants) {
    this.form = root.querySelector("#form");
    this.details = root.querySelector("#options");
    this.fields = this.form.elements;
    this.#offer(constants);
    this.#show({ ...DEFAULT_CHOICES, formats: this.usualFormats, ...stored(CHOICES) });
    this.form.oninput = (event) => this.#changed(event);
    this.form.onsubmit = (event) => event.preventDefault();
    this.#describe();
  }

  // What the API takes.
  get value() {
    const { name, language, task, vocabulary, formats, model, otherModel, speakers, stream, chinese } = this.#choices();
    const options = { language, task, formats, speakers, audio_stream: stream, chinese_script: chinese };
    options.vocabulary = wordsOf(vocabulary).slice(0, MOST_WORDS);
    options.model = model === OTHER_MODEL ? otherModel.trim() || "auto" : model;
    return { name: name.trim() || this.suggestedName || "", options };
  }

  suggest(name) {
    this.suggestedName = name;
    this.fields.name.placeholder = name || "Like the folder or file";
  }

  // A form that was never frozen, since nothing is painted in a hidden tab, shows the name of the batch that has begun.
  forgetName() {
    if (!this.frozen) this.fields.name.value = "";
  }

  // Shows what a batch was made with, which cannot be changed any more; without one, what was chosen for the next.
  freeze(batch) {
    if (this.frozen === (batch?.batchId ?? null)) return;
    this.frozen = batch?.batchId ?? null;
    this.form.querySelector("fieldset").disabled = Boolean(batch);
    this.form.querySelector("#frozen").hidden = !batch;
    const { name, options } = batch ?? {};
    const { audio_stream: stream = 0, chinese_script: chinese = "auto", vocabulary = [] } = options ?? {};
    if (batch) this.#show({ ...DEFAULT_CHOICES, ...options, name, stream, chinese, vocabulary: vocabulary.join(", ") });
    else this.#show({ ...DEFAULT_CHOICES, formats: this.usualFormats, ...stored(CHOICES) });
    this.#describe();
  }

  #offer({ models, languages, formats, speakerCounts, audioStreams }) {
    const known = languages.map((code) => [code, languageName(code)]);
    known.sort((one, other) => byPath(one[1], other[1]));
    this.fields.language.append(...known.map(([code, name]) => new Option(name, code)));
    this.fields.model.append(...models.map((model) => new Option(model, model)), new Option("Another…", OTHER_MODEL));
    this.fields.speakers.append(...speakerCounts.map((count) => new Option(`Tell ${count} apart`, count)));
    this.fields.stream.append(
      ...audioStreams.map((stream) => new Option(`Stream ${stream} of files with several`, stream)),
    );
    this.usualFormats = formats.filter(({ usual }) => usual).map(({ value }) => value);
    const boxes = formats.map(({ value, description }) => {
      const label = document.createElement("label");
      const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "formats", value });
      label.append(box, `${description} (${value})`);
      return label;
    });
    this.form.querySelector(".formats").append(...boxes);
  }

  #choices() {
    const { name, language, task, model, vocabulary, speakers, stream, chinese } = this.fields;
    return {
      name: name.value,
      language: language.value,
      task: task.value,
      model: model.value,
      otherModel: this.fields["other-model"].value,
      vocabulary: vocabulary.value,
      speakers: Number(speakers.value) || speakers.value,
      stream: Number(stream.value),
      chinese: chinese.value,
      formats: this.#boxes().filter((box) => box.checked).map((box) => box.value),
    };
  }

  #show({ name, language, task, model, otherModel, vocabulary, formats, speakers, stream, chinese }) {
    const offered = [...this.fields.model.options].some((option) => option.value === model);
    this.fields.name.value = name ?? "";
    this.fields.language.value = language;
    this.fields.task.value = task;
    this.fields.model.value = offered ? model : OTHER_MODEL;
    this.fields["other-model"].value = offered ? otherModel ?? "" : model;
    this.fields.vocabulary.value = vocabulary;
    this.fields.speakers.value = speakers;
    this.fields.stream.value = stream;
    this.fields.chinese.value = chinese;
    this.#boxes().forEach((box) => (box.checked = (formats ?? this.usualFormats).includes(box.value)));
    if (!this.fields.language.value) this.fields.language.value = "auto"; // remembered from another version
  }

  #boxes() {
    return [...this.form.querySelectorAll("input[name=formats]")];
  }

  #changed(event) {
    if (!this.#choices().formats.length) event.target.checked = true; // a batch without documents would be for nothing
    store(CHOICES, this.#choices());
    this.#describe();
  }

  // Tells in the heading, which stays when the form is folded, what differs from the usual.
  #describe() {
    const { language, task, model, otherModel, vocabulary, formats, speakers, stream, chinese } = this.#choices();
    const words = wordsOf(vocabulary).length;
    const special = [
      task === "translate" && "into English",
      optionsText({
        language: language !== "auto" && language,
        model: model !== "auto" && (model === OTHER_MODEL ? otherModel : model),
        speakers: speakers !== "off" && speakers,
        audio_stream: stream || null,
      }),
      words > 0 && counted(words, "word"),
      chinese !== "auto" && this.fields.chinese.selectedOptions[0].text,
      formats.join() !== this.usualFormats.join() && formats.join(", "),
    ];
    this.details.querySelector("summary small").textContent = special.filter(Boolean).join(" · ");
    this.form.querySelector("#other-model-field").hidden = model !== OTHER_MODEL;
    const hint = this.form.querySelector("#vocabulary-hint");
    hint.hidden = words <= MOST_WORDS;
    hint.textContent = `${words} words: the first ${MOST_WORDS} are used.`;
  }
}

const DEFAULT_CHOICES = {
  name: "",
  language: "auto",
  task: "transcribe",
  model: "auto",
  otherModel: "",
  vocabulary: "",
  speakers: "off",
  stream: 0,
  chinese: "auto",
};

// The next batch gets a name of its own; everything else stays as it was.
export function forgetName() {
  const choices = stored(CHOICES);
  if (choices) store(CHOICES, { ...choices, name: "" });
}

function wordsOf(text) {
  return text.split(/[,;\n]/).map((word) => word.trim()).filter(Boolean);
}
