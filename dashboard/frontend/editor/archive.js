// The revisions of a transcript as the HTTP API keeps them.

import { call, reasonOf, wasAccepted } from "../shared/api.js";
import { store, stored } from "../shared/storage.js";

const AWAY = "The dashboard does not answer.";
const TRANSCRIPT_SECONDS = 600;
const NAME = "batchscribe.editor-name";
const SAVING_SECONDS = 120;
const STALE = 409;
export const UNNAMED = "Unnamed";

export class Archive {
  constructor(jobId, { signal }) {
    Object.assign(this, { signal, path: `/jobs/${encodeURIComponent(jobId)}` });
  }

  /** Return a revision, the newest if none is named; or the reason why there is none. */
  async read(number = null) {
    const query = number === null ? "" : `?revision=${number}`;
    return result(
      await call("GET", `${this.path}/transcript${query}`, { signal: this.signal, seconds: TRANSCRIPT_SECONDS }),
    );
  }

  /** Return all revisions, newest first, the machine's last. */
  async list() {
    const { body, reason } = result(await call("GET", `${this.path}/revisions`, { signal: this.signal }));
    if (reason) return { reason };
    const machine = { number: 0, base: null, saved_at: null, saved_by: "", note: "", words_changed: 0 };
    return { body: body.some(({ number }) => number === 0) ? body : [...body, machine] };
  }

  /** Save a revision that changes *base*; `isStale` says that another one was saved meanwhile. */
  async save(content, { base, savedBy, note }) {
    const body = { base, saved_by: savedBy || UNNAMED, note, ...content };
    return result(await call("POST", `${this.path}/revisions`, { body, seconds: SAVING_SECONDS }));
  }
}

function result(answer) {
  if (wasAccepted(answer) && answer.body) return { body: answer.body };
  const detail = reasonOf(answer, AWAY);
  const reason = typeof detail === "string" ? detail : detail[0]?.msg ?? AWAY;
  return { reason, isStale: answer.status === STALE };
}

/** Return the name under which this browser's user saves; null if they were never asked. */
export const nameKept = () => stored(NAME);
export const keepName = (name) => store(NAME, name);
