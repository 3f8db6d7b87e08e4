// What can be done to the selected jobs of a batch at once, by one call of the API.

import { API, call, parsed, wasAccepted } from "../shared/api.js";
import { make, setText } from "../shared/dom.js";
import { counted, number } from "../shared/formats.js";
import { buttonWords, outcomeSentence, possible, Selection } from "./selection.js";
import { troubleOf } from "./watch.js";

const KEEP = "Keep their uploads for a retry";

export class Bulk {
  /** *view* is that of the batch; *repaint* shows what is selected now. */
  constructor(view, repaint) {
    Object.assign(this, { view, repaint });
    this.selection = new Selection();
    this.jobs = [];
    this.shownIds = [];
    this.all = make("input", { type: "checkbox" });
    this.all.addEventListener("change", () => {
      this.selection.chooseAll(this.shownIds, this.all.checked);
      this.repaint();
    });
    this.allText = make("span");
    this.count = make("span", { class: "strong", role: "status" });
    this.buttons = {
      retry: this.button("Retry", () => this.act("retry")),
      cancel: this.button("Cancel", () => this.askToCancel(), "danger"),
      download: this.button("Download", () => this.download()),
      dismiss: this.button("Dismiss", () => this.askToDismiss(), "danger"),
    };
    this.told = make("p", { class: "told", role: "status", hidden: true });
    this.element = make(
      "div",
      { class: "bulk", role: "group", "aria-label": "Selected jobs" },
      make("label", {}, this.all, " ", this.allText),
      this.count,
      ...Object.values(this.buttons),
      this.told,
    );
  }

  button(word, act, kind = "") {
    const element = make("button", { type: "button", class: `button ${kind}`, hidden: true, onclick: act }, word);
    element.dataset.word = word;
    return element;
  }

  /** Show what can be done; *shown* are the jobs that the filters let through. */
  show(jobs, shown, phase) {
    Object.assign(this, { jobs, phase, shownIds: shown.map((job) => job.job_id) });
    this.selection.keep(jobs.map((job) => job.job_id));
    const share = this.selection.share(this.shownIds);
    this.all.checked = share === "all" && shown.length > 0;
    this.all.indeterminate = share === "some";
    setText(this.allText, shown.length < jobs.length ? `Select all ${number(shown.length)} shown` : "Select all");
    this.element.hidden = !jobs.length;
    const selected = this.selected;
    setText(this.count, selected.length ? `${number(selected.length)} selected` : "");
    this.can = possible(selected, phase);
    const focused = this.element.getRootNode().activeElement;
    for (const [action, button] of Object.entries(this.buttons)) {
      button.hidden = !this.can[action].length;
      const word = action === "cancel" && !phase.started ? "Remove" : button.dataset.word;
      setText(button, buttonWords(word, this.can[action].length, selected.length));
    }
    if (focused?.hidden && Object.values(this.buttons).includes(focused)) this.all.focus();
  }

  get selected() {
    return this.jobs.filter((job) => this.selection.ids.has(job.job_id));
  }

  /** Take a click or a key on the box of a job. */
  choose(jobId, isSelected, range) {
    this.selection.choose(jobId, isSelected, { range, order: this.shownIds });
    this.tell("");
    this.repaint();
  }

  /** Keys on the boxes: arrows go to the next one, with Shift they select it; Ctrl+A selects all, Escape none. */
  press(event, body) {
    const boxes = [...body.querySelectorAll(".box")];
    const at = boxes.indexOf(event.target);
    if (at < 0) return;
    const next = boxes[at + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? NaN)];
    if (next) {
      next.focus();
      if (event.shiftKey) this.choose(next.dataset.job, true, false);
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a") {
      this.selection.chooseAll(this.shownIds, true);
      this.repaint();
    } else if (event.key === "Escape" && this.selection.ids.size) {
      this.selection.clear();
      this.repaint();
    } else return;
    event.preventDefault();
  }

  askToCancel() {
    const { started } = this.phase;
    const jobs = this.can.cancel;
    const rest = this.selected.length - jobs.length;
    const stays = rest
      ? ` The other ${number(rest)} selected ${rest === 1 ? "has" : "have"} ended and stay as they are.`
      : "";
    const wording = started
      ? {
        title: `Cancel ${counted(jobs.length, "job")}?`,
        text: `They will not be transcribed, and their uploads are removed unless you keep them.${stays}`,
        yes: "Cancel them",
        no: "Let them run",
        choice: KEEP,
      }
      : {
        title: `Remove ${counted(jobs.length, "file")}?`,
        text: "They will not be part of the batch.",
        yes: "Remove",
        no: "Keep them",
      };
    const name = started ? "cancel" : "remove";
    this.view.question.ask(wording, (keep) => this.act("cancel", { keep }, name));
  }

  askToDismiss() {
    const jobs = this.can.dismiss;
    const rest = this.selected.length - jobs.length;
    const stays = rest
      ? ` ${number(rest)} of the ${number(this.selected.length)} selected have not ended and stay.`
      : "";
    const text =
      `They will be removed for everybody, with their documents, recordings and uploads. This cannot be undone.${stays}`;
    this.view.question.ask(
      { title: `Dismiss ${counted(jobs.length, "job")}?`, text, yes: "Dismiss", no: "Keep them" },
      () => this.act("dismiss"),
    );
  }

  /** Have the API do something to all that is selected, once at a time, and say what came of it. */
  async act(action, how = {}, name = action) {
    if (this.acting) return;
    this.acting = true;
    this.tell("");
    const body = { jobs: this.selected.map((job) => job.job_id), ...how };
    const answer = await call("POST", `${this.view.address}/jobs/${action}`, { body, seconds: 600 });
    this.acting = false;
    if (!wasAccepted(answer)) {
      this.tell(troubleOf(answer), "bad");
      return;
    }
    const { jobs } = answer.body;
    this.selection.chooseAll(jobs.filter((job) => job.done).map((job) => job.job_id), false); // the rest can be looked at
    this.tell(outcomeSentence(name, answer.body), answer.body.done < answer.body.total ? "warn" : "good");
    this.repaint();
    this.all.focus();
    this.view.watch.now();
  }

  /** Save one ZIP of the selected jobs' documents: the answer to a form, which need not fit into memory. */
  download() {
    const frame = make("iframe", { name: `zip-${Date.now()}`, hidden: true, title: "Download" });
    const jobs = make("input", {
      type: "hidden",
      name: "jobs",
      value: this.selected.map((job) => job.job_id).join(" "),
    });
    const form = make(
      "form",
      { method: "post", action: `${API}${this.view.address}/results.zip`, target: frame.name, hidden: true },
      jobs,
    );
    document.body.append(frame, form);
    form.submit();
    form.remove();
    frame.addEventListener("load", () => { // only an answer that is no download is shown
      const text = frame.contentDocument?.body?.textContent ?? "";
      if (text) this.tell(parsed(text)?.detail ?? "The download failed. Try again.", "bad");
    });
    const without = this.selected.length - this.can.download.length;
    this.tell(
      without
        ? `${number(without)} of ${counted(this.selected.length, "job")} ${
          without === 1 ? "has" : "have"
        } no documents: ` +
          "manifest.json in the ZIP says why."
        : "",
      "warn",
    );
  }

  tell(sentence, kind = "good") {
    setText(this.told, sentence);
    this.told.className = `told notice ${kind}`;
    this.told.hidden = !sentence;
  }
}
