// The dialog that asks for links, and what each of them leads to.

import { call, reasonOf, wasAccepted } from "../shared/api.js";
import { counted } from "../shared/formats.js";
import { shownName } from "../shared/names.js";

const LOOK_SECONDS = 150;

export class LinkForm {
  constructor(root, find, upload, announce) {
    Object.assign(this, { root, find, upload, announce });
    this.unread = "";
    find("link-button").onclick = () => this.ask();
  }

  // Asks for links in front of the page. Those that could not be read are there already.
  ask() {
    const dialog = this.find("links").content.firstElementChild.cloneNode(true);
    const field = dialog.querySelector("textarea");
    field.value = this.unread;
    dialog.querySelector("[type=button]").onclick = () => dialog.close("");
    dialog.onclose = () => {
      if (dialog.returnValue) this.#lookInto(linksIn(field.value));
      dialog.remove();
    };
    this.root.querySelector(".uploader").append(dialog);
    dialog.showModal();
  }

  async #lookInto(links) {
    const problems = [];
    for (const [index, link] of links.entries()) {
      const which = links.length > 1 ? ` (${index + 1} of ${links.length})` : "";
      this.#tell(`Looking into ${shownName(link)}${which}…`);
      const answer = await call("POST", "/link", { body: { link }, seconds: LOOK_SECONDS });
      if (!wasAccepted(answer)) {
        problems.push({ link, reason: reasonOf(answer) });
        continue;
      }
      const { recordings, more } = answer.body;
      const { added } = this.upload.addLinks(recordings);
      const rest = more ? `; the list has more than these ${counted(recordings.length, "recording")}` : "";
      this.announce(`${counted(added, "recording")} added${rest}.`);
      if (more) {
        problems.push({ link, reason: `${shownName(link)} leads to more than ${recordings.length} recordings.` });
      }
    }
    this.#tell(problems.map(({ reason }) => reason).join(" "), "problem");
    this.unread = problems.map(({ link }) => link).join("\n");
  }

  #tell(text, kind = "quiet") {
    const looking = this.find("looking");
    looking.className = kind;
    looking.textContent = text;
    looking.hidden = !text;
    if (text) this.announce(text);
  }
}

// The links of a text, in their order, each once. What lacks its scheme gets one.
export function linksIn(text) {
  const words = text.split(/\s+/).filter(Boolean);
  return [...new Set(words.map((word) => (/^[a-z][a-z0-9+.-]*:/i.test(word) ? word : `https://${word}`)))];
}
