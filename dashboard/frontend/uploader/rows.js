// The list of files. A row is made once and painted only when its file has changed.

import { fileSize, percentOf } from "../shared/formats.js";
import { optionsText } from "../shared/options.js";
import { shownName, visible } from "../shared/names.js";
import { endingOf } from "./choosing.js";
import { isOfUnknownSize, isOpenToChoice, Status } from "./queue.js";

const VIDEO = new Set(
  "mp4 m4v mov qt 3gp 3gpp 3g2 f4v webm mkv wmv asf avi flv ts mts m2ts mpg mpeg vob ogv".split(" "),
);
const ICONS = { uploaded: "uploaded", failed: "lost", refused: "lost", missing: "lost", pending: "pending" };

export class Rows {
  constructor(root, { onRemove, onPick, onOptions }) {
    this.list = root.querySelector("#rows");
    this.template = root.querySelector("#row").content.firstElementChild;
    this.rows = new Map();
    this.list.replaceChildren();
    this.list.onclick = (event) => {
      const control = event.target.closest("button, input");
      const row = control?.closest(".row");
      if (control?.matches(".remove")) this.#remove(row, onRemove);
      if (control?.matches(".own")) onOptions(row.item);
      if (control?.matches("input")) onPick(this.#upTo(row, event.shiftKey), control.checked);
    };
  }

  paint(items) {
    const added = document.createDocumentFragment();
    for (const item of items) {
      const row = this.rows.get(item);
      if (item.removed) this.#drop(item, row);
      else if (row) paintStatus(row, item);
      else added.append(this.#make(item));
    }
    this.list.append(added);
  }

  showOnlyFailed(onlyFailed) {
    this.list.toggleAttribute("data-only-failed", onlyFailed);
  }

  // Keeps the row of the file that is being sent in view, unless the person looks elsewhere in the list.
  follow(item) {
    const row = this.rows.get(item);
    const isUsed = this.list.matches(":hover, :focus-within");
    if (!row || item === this.followed || isUsed) return;
    this.followed = item;
    const above = row.previousElementSibling?.offsetHeight ?? 0;
    this.list.scrollTop += row.getBoundingClientRect().top - this.list.getBoundingClientRect().top - above;
  }

  #make(item) {
    const row = this.template.cloneNode(true);
    const [kind, name] = row.children;
    const ending = endingOf(item.path);
    const cut = item.path.lastIndexOf("/") + 1;
    const fileName = item.path.slice(cut);
    kind.dataset.kind = VIDEO.has(ending) ? "video" : "audio";
    kind.querySelector("use").setAttribute("href", `#icon-${kind.dataset.kind}`);
    kind.lastElementChild.textContent = ending;
    name.title = item.link ?? shownName(item.path);
    name.firstElementChild.textContent = visible(fileName);
    name.children[1].textContent = visible(item.path.slice(0, cut));
    row.querySelector(".remove").setAttribute("aria-label", `Remove ${shownName(fileName)}`);
    row.querySelector(".own").setAttribute("aria-label", `Options of ${shownName(fileName)}`);
    row.querySelector("input").setAttribute("aria-label", `Select ${shownName(fileName)}`);
    row.querySelector("progress").setAttribute("aria-label", `Progress of ${shownName(fileName)}`);
    row.item = item;
    this.rows.set(item, row);
    paintStatus(row, item);
    return row;
  }

  #drop(item, row) {
    row?.remove();
    this.rows.delete(item);
  }

  // Whoever removes rows by keyboard finds the focus on the next one.
  #remove(row, onRemove) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    onRemove(row.item);
    next?.querySelector(".remove").focus({ preventScroll: true });
  }

  // The files from the one that was clicked before to this one, if the shift key is held; else this one.
  #upTo(row, isRange) {
    const rows = [...this.list.children];
    const [from, to] = [isRange ? rows.indexOf(this.clicked) : -1, rows.indexOf(row)];
    this.clicked = row;
    const range = from < 0 ? [row] : rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    return range.map(({ item }) => item).filter(isOpenToChoice);
  }
}

function paintStatus(row, item) {
  const text = statusText(item);
  const done = item.status === Status.UPLOADED ? 100 : percentOf(item.sent, item.size);
  const size = isOfUnknownSize(item) ? "" : fileSize(item.size);
  const own = optionsText(item.options);
  const painted = [item.status, done, size, text, item.reason, own, item.picked].join(" ");
  if (row.painted === painted) return;
  row.painted = painted;
  const [progress, icon, words] = row.children[3].children;
  row.dataset.status = item.status;
  row.children[2].textContent = size;
  if (isOfUnknownSize(item)) progress.removeAttribute("value");
  else progress.value = done;
  progress.hidden = ![Status.UPLOADING, Status.SAVING].includes(item.status);
  icon.firstElementChild.setAttribute("href", `#icon-${ICONS[item.status] ?? "working"}`);
  words.textContent = text;
  row.lastElementChild.textContent = item.reason;
  row.children[1].lastElementChild.textContent = own;
  const isOpen = isOpenToChoice(item);
  row.querySelector(".own").disabled = row.querySelector("input").disabled = !isOpen;
  row.querySelector("input").checked = Boolean(item.picked && isOpen);
}

function statusText(item) {
  switch (item.status) {
    case Status.UPLOADING:
      if (item.link && !item.sent) return "Asking…";
      return isOfUnknownSize(item) ? fileSize(item.sent) : `${percentOf(item.sent, item.size)} %`;
    case Status.WAITING:
      return `Next try in ${Math.max(1, Math.ceil((item.retryAt - Date.now()) / 1000))} s`;
    case Status.SAVING:
      return "Saving…";
    case Status.UPLOADED:
      return item.file || item.link ? "Complete" : "On the server";
    case Status.MISSING:
      return "Missing";
    case Status.FAILED:
      return "Failed";
    case Status.REFUSED:
      return "Refused";
    default:
      return "Pending";
  }
}
