// Which uploads this browser has begun and not ended, so that a reload or a crash does not lose sight of them.

import { store, stored } from "../shared/storage.js";

const OPEN = "batchscribe.open.";

// Notes batches, and holds a lock of each for as long as this tab lives: others can tell that its upload goes on here.
export const memory = {
  releases: new Map(), // by batch

  // Makes the batch this tab's, and returns whether it is; it is not if another tab works on it.
  async hold(batchId, notes) {
    // Pages that are not served securely have no locks.
    if (navigator.locks && !this.releases.has(batchId) && !(await this.lock(batchId))) return false;
    this.note(batchId, notes);
    return true;
  },

  // Notes of a batch what there is to know of it now; without the list of its files if that is too much for the browser.
  note(batchId, notes) {
    if (!store(OPEN + batchId, notes)) store(OPEN + batchId, { ...notes, listed: undefined });
  },

  lock(batchId) {
    return new Promise((answer) => {
      navigator.locks.request(OPEN + batchId, { ifAvailable: true }, (lock) => {
        answer(lock !== null);
        return lock && new Promise((release) => this.releases.set(batchId, release));
      });
    });
  },

  forget(batchId) {
    this.releases.get(batchId)?.();
    this.releases.delete(batchId);
    store(OPEN + batchId, null);
  },

  // Returns the notes of the uploads that no tab works on, the newest first.
  async abandoned() {
    const held = new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name));
    const names = storedNames().filter((name) => name.startsWith(OPEN) && !held.has(name));
    names.sort().reverse(); // batch ids begin with their time
    return names.map((name) => ({ batchId: name.slice(OPEN.length), ...stored(name) }));
  },
};

function storedNames() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
