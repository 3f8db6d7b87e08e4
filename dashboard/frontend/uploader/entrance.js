// The ways in: files and folders are picked, or dropped anywhere on the page.

import { counted } from "../shared/formats.js";
import { droppedEntries, droppedFiles, lookedInto, pickedFiles } from "./choosing.js";

export class Entrance {
  constructor(find, upload, { endings, starts }, announce) {
    this.find = find;
    this.upload = upload;
    this.announce = announce;
    this.endings = new Set(endings);
    this.starts = starts;
    this.#listenToChoosing();
  }

  #listenToChoosing() {
    const [files, folder] = [this.find("choose-files"), this.find("choose-folder")];
    this.find("files-button").onclick = () => files.click();
    this.find("folder-button").onclick = () => folder.click();
    files.onchange = folder.onchange = ({ target }) => {
      this.#add({ found: pickedFiles(target) });
      target.value = ""; // or the same files could not be chosen again
    };
    // On a slow connection files may have been chosen before this script was loaded.
    for (const target of [files, folder]) if (target.files.length) files.onchange({ target });
  }

  // The whole page takes files: one that is dropped beside the zone would replace the page in the tab otherwise.
  listenToDrops(signal) {
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
    const found = await droppedFiles(droppedEntries(event), (count) => count % 100 || this.#look(count));
    this.find("looking").hidden = true;
    this.#add(found);
  }

  #look(count) {
    const looking = this.find("looking");
    looking.className = "quiet";
    looking.textContent = `Looking through folders: ${counted(count, "file")} so far.`;
    looking.hidden = false;
    this.announce(looking.textContent);
  }

  async #add({ found, unreadable }) {
    const looked = await lookedInto(found, this.endings, this.starts);
    const { added, leftOut } = this.upload.add({ found: looked, unreadable });
    this.announce(`${counted(added, "file")} added${leftOut ? `, ${leftOut} left out` : ""}.`);
  }
}
