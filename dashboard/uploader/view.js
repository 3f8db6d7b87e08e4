// What a person sees of the upload. A page switch takes the view away; the upload goes on, and the next view shows it.

const MOST_LEFT_OUT_SHOWN = 200;
const WIDE_ENOUGH_FOR_OPTIONS = 900;

class View {
  constructor(root, upload, constants) {
    this.root = root;
    this.upload = upload;
    this.find = (id) => root.getElementById?.(id) ?? root.querySelector(`#${id}`);
    this.form = new OptionsForm(root, constants);
    this.rows = new Rows(root, (item) => upload.remove(item));
    this.expanded = true;
    this.asked = false; // whether the person is being asked if everything is to be discarded
    this.find("options").open = root.firstElementChild.clientWidth >= WIDE_ENOUGH_FOR_OPTIONS;
    this.#listenToChoosing(constants.endings);
    this.#listenToButtons();
  }

  attach(component) {
    this.component = component;
    if (this.upload.views.has(this)) return;
    this.detached = new AbortController();
    this.#listenToDrops(this.detached.signal);
    this.upload.views.add(this);
    this.rows.paint(this.upload.queue.items);
    this.#paint();
  }

  detach() {
    this.upload.views.delete(this);
    this.detached?.abort();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  // However much happens, it is painted once a frame.
  schedule() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#paint();
    });
  }

  // Has the page open the batch that was just started.
  lead(started) {
    this.form.forgetName();
    this.#announce(`The batch ${started.name} has started with ${countText(started.files, "file")}.`);
    this.#open(started);
  }

  #open({ batchId }) {
    this.component.setTriggerValue("started", { batch_id: batchId });
  }

  #listenToChoosing(endings) {
    const [files, folder] = [this.find("choose-files"), this.find("choose-folder")];
    files.accept = ["audio/*", "video/*", ...endings.map((ending) => `.${ending}`)].join(",");
    this.find("files-button").onclick = () => files.click();
    this.find("folder-button").onclick = () => folder.click();
    files.onchange = folder.onchange = ({ target }) => {
      this.#add({ found: pickedFiles(target) });
      target.value = ""; // or the same files could not be chosen again
    };
  }

  // The whole page takes files: one that is dropped beside the zone would replace the page in the tab otherwise.
  #listenToDrops(signal) {
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    const over = (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      this.find("drop").classList.add("over");
    };
    const out = (event) => event.relatedTarget === null && this.find("drop").classList.remove("over");
    addEventListener("dragenter", over, { signal });
    addEventListener("dragover", over, { signal });
    addEventListener("dragleave", out, { signal });
    addEventListener("drop", (event) => holdsFiles(event) && this.#dropped(event), { signal });
  }

  async #dropped(event) {
    event.preventDefault();
    this.find("drop").classList.remove("over");
    const onFound = (count) => count % 100 || this.#announce(`Looking through folders: ${countText(count, "file")}.`);
    this.#add(await droppedFiles(droppedEntries(event), onFound));
  }

  #add(chosen) {
    const { added, leftOut } = this.upload.add(chosen);
    this.#announce(`${countText(added, "file")} added${leftOut ? `, ${leftOut} left out` : ""}.`);
  }

  #listenToButtons() {
    const { upload } = this;
    const actions = {
      upload: () => this.#begin((form) => (this.#nothingPending ? upload.startWithout() : upload.begin(form))),
      retry: () => this.#begin((form) => upload.retryFailed(form)),
      without: () => upload.startWithout(),
      cancel: () => upload.stop(),
      clear: () => this.#clear(),
      keep: () => (this.asked = false),
      resume: () => upload.resume(),
      "discard-interrupted": () => upload.discardInterrupted(),
      toggle: () => (this.expanded = !this.expanded),
    };
    for (const [id, act] of Object.entries(actions)) {
      this.find(id).onclick = () => {
        if (id !== "clear") this.asked = false;
        act();
        this.schedule();
      };
    }
    // Within the page, where the files that are listed for the next batch stay.
    this.find("started").querySelector("a").onclick = (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#open(upload.started);
    };
    this.find("left-out").ontoggle = () => this.#paintLeftOut();
  }

  get #nothingPending() {
    return this.upload.batch && !this.upload.queue.count(Status.PENDING);
  }

  #begin(act) {
    const form = this.form.form;
    if (this.upload.batch || form.checkValidity()) return act(this.form.value);
    this.find("options").open = true;
    form.reportValidity();
  }

  // What has arrived on the server is not thrown away by one click.
  #clear() {
    const { queue, batch } = this.upload;
    this.asked = !this.asked && batch !== null && queue.count(Status.UPLOADED) > 0;
    if (!this.asked) this.upload.discard();
  }

  #announce(text) {
    this.find("announcement").textContent = text;
  }

  #paint() {
    const { upload } = this;
    const { queue } = upload;
    const waiting = queue.count(Status.WAITING) ? queue.having(Status.WAITING) : []; // their seconds count down
    if (queue.changed.size) this.form.suggest(commonFolder(queue));
    this.rows.paint(new Set([...queue.changed, ...waiting]));
    queue.changed.clear();
    this.form.freeze(upload.batch);
    this.#paintMessages();
    this.#paintOverall();
    this.#paintLeftOut();
    this.#paintActions();
    this.#announcePhase();
  }

  #paintMessages() {
    const { interrupted, started, problem, batch } = this.upload;
    this.#showIf("interrupted", interrupted && !batch);
    if (interrupted) this.find("interrupted").firstElementChild.textContent = interruptedText(interrupted);
    this.#showIf("started", started);
    if (started) {
      const text = `The batch “${started.name}” has started with ${countText(started.files, "file")}.`;
      this.find("started").firstElementChild.textContent = text;
      this.find("started").querySelector("a").href = `/batches?batch=${started.batchId}`;
    }
    this.#showIf("problem", problem);
    this.find("problem").textContent = problem;
  }

  #paintOverall() {
    const { queue, phase, speed, freeBytes } = this.upload;
    const done = percent(queue.sentBytes, queue.totalBytes);
    const begun = phase !== Phase.CHOOSING;
    this.#showIf("overall", begun);
    this.#showIf("queue", queue.size);
    this.find("overall-title").textContent = `Overall: ${done} %`;
    this.find("overall-bytes").textContent = `${sizeText(queue.sentBytes)} of ${sizeText(queue.totalBytes)}`;
    this.find("overall-progress").value = done;
    this.find("overall-files").textContent = filesText(this.upload);
    this.find("overall-speed").textContent = phase === Phase.UPLOADING ? speedText(queue, speed, freeBytes) : "";
    const files = `${countText(queue.size, "file")} · ${sizeText(queue.totalBytes)}`;
    this.find("toggle").lastElementChild.textContent = begun ? `${this.expanded ? "Hide" : "Show"} details` : files;
    this.find("toggle").setAttribute("aria-expanded", this.expanded);
    this.#showIf("rows", this.expanded);
  }

  #paintLeftOut() {
    const { leftOut } = this.upload;
    const box = this.find("left-out");
    this.#showIf("left-out", leftOut.length);
    if (box.painted === `${leftOut.length} ${box.open}`) return;
    box.painted = `${leftOut.length} ${box.open}`;
    box.firstElementChild.textContent = leftOutText(leftOut);
    const lines = box.open ? leftOut.slice(0, MOST_LEFT_OUT_SHOWN).map(({ path, why }) => `${path} (${LEFT_OUT[why]})`) : [];
    if (box.open && leftOut.length > lines.length) lines.push(`and ${leftOut.length - lines.length} more`);
    box.lastElementChild.replaceChildren(...lines.map(listItem));
  }

  #paintActions() {
    const { busy, batch, queue } = this.upload;
    const lost = queue.count(...LOST);
    const arrived = queue.count(Status.UPLOADED);
    const pending = queue.count(Status.PENDING);
    const idle = !busy && !this.asked;
    this.#showIf("cancel", busy);
    this.#showIf("clear", !busy);
    this.#showIf("keep", this.asked);
    this.#showIf("retry", idle && lost);
    this.#showIf("without", idle && batch && arrived && lost + pending);
    this.#showIf("upload", idle && (pending || (arrived && !lost)));
    this.find("clear").textContent = this.asked ? "Discard them" : batch ? "Discard" : "Clear";
    this.find("upload").textContent = pending ? (batch ? "Upload the rest" : "Upload all") : "Start the batch";
    this.find("without").textContent = `Start without ${lost + pending === 1 ? "it" : "them"}`;
    const verdict = this.asked ? `Discard ${countText(arrived, "uploaded file")}?` : verdictText(this.upload);
    this.find("verdict").textContent = verdict;
    this.#showIf("verdict", verdict);
  }

  // Says what changed to those who do not see it: each phase, and each quarter of the way.
  #announcePhase() {
    const { phase, queue } = this.upload;
    const quarter = Math.floor(percent(queue.sentBytes, queue.totalBytes) / 25) * 25;
    const now = phase === Phase.UPLOADING ? `${phase} ${quarter}` : phase;
    if (now === this.announced) return;
    const first = this.announced === undefined;
    this.announced = now;
    if (phase === Phase.UPLOADING) this.#announce(`Uploading: ${quarter} percent.`);
    else if (!first && phase !== Phase.CHOOSING) this.#announce(verdictText(this.upload) || filesText(this.upload));
  }

  #showIf(id, shown) {
    this.find(id).hidden = !shown;
  }
}
