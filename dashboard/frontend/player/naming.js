// The name of a recording: the title that users gave it, or its file name.

import { call, reasonOf, wasAccepted } from "../shared/api.js";
import { NameField } from "../shared/name_field.js";
import { shownName } from "../shared/names.js";
import { AWAY } from "./readable.js";

export class RecordingName {
  constructor(find, { job_id: jobId, path, title }) {
    Object.assign(this, { find, jobId, path });
    this.field = new NameField({
      shown: find("name"),
      what: "recording",
      empty: path.split("/").at(-1),
      save: (wanted, before) => this.rename(wanted, before),
    });
    find("folder").after(this.field.element);
    this.show(title);
  }

  /** Show the title, or else the file name; what remains of the path stands above it. */
  show(title) {
    const folders = this.path.split("/");
    const name = title || folders.pop();
    this.find("name").textContent = shownName(name);
    this.find("folder").textContent = folders.map(shownName).join(" / ");
    this.find("folder").hidden = !folders.length;
    this.field.know(title);
  }

  /** Give the recording a title, if it still has the one that was seen, and return why not and which it has then. */
  async rename(title, before) {
    const address = `/jobs/${encodeURIComponent(this.jobId)}`;
    const answer = await call("PATCH", address, { body: { title, instead_of: before } });
    if (wasAccepted(answer)) {
      this.show(answer.body.title);
      return { refused: "", name: answer.body.title };
    }
    const now = answer.status === 409 ? await this.titleNow() : undefined;
    if (now !== undefined) this.show(now);
    return { refused: reasonOf(answer, AWAY), name: now };
  }

  /** The title that another user gave; undefined if it cannot be had. */
  async titleNow() {
    const answer = await call("GET", `/batch/${this.jobId.slice(0, this.jobId.lastIndexOf("-"))}`);
    return answer.body?.jobs?.find((job) => job.job_id === this.jobId)?.title;
  }
}
