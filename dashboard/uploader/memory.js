// Which uploads this browser has begun and not ended, so that a reload or a crash does not lose sight of them.

const OPEN = "batchscribe.open.";

// Notes a batch, and holds a lock for as long as this tab lives: another tab can tell that the upload goes on here.
const memory = {
  async hold(batchId, notes) {
    await new Promise((held) => {
      if (!navigator.locks) return held(); // pages that are not served securely have none
      navigator.locks.request(OPEN + batchId, () => {
        held();
        return new Promise((release) => (this.release = release));
      });
    });
    this.note(batchId, notes);
  },

  note(batchId, notes) {
    store(OPEN + batchId, notes);
  },

  forget(batchId) {
    this.release?.();
    this.release = null;
    store(OPEN + batchId, null);
  },

  // Returns the notes of the newest upload that no tab works on, or null.
  async abandoned() {
    const held = new Set(((await navigator.locks?.query())?.held ?? []).map((lock) => lock.name));
    const names = storedNames().filter((name) => name.startsWith(OPEN) && !held.has(name));
    const newest = names.sort().at(-1); // batch ids begin with their time
    return newest ? { batchId: newest.slice(OPEN.length), ...stored(newest) } : null;
  },
};

function store(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch (error) {
    // A browser that keeps nothing for sites still uploads; it only remembers nothing.
  }
}

function stored(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch (error) {
    return null;
  }
}

function storedNames() {
  try {
    return Object.keys(localStorage);
  } catch (error) {
    return [];
  }
}

// The upload that a reload or a crash ended and that can go on, as the server knows it. Returns null if there is none.
async function findInterrupted() {
  for (;;) {
    const notes = await memory.abandoned();
    if (!notes) return null;
    const answer = await callPatiently("GET", `/batch/${notes.batchId}`);
    if (!wasAccepted(answer) && answer.status !== 404) return null; // some other time
    const open = answer.body.state === "uploading";
    if (open && answer.body.jobs.length) return { ...notes, name: answer.body.name, jobs: answer.body.jobs };
    memory.forget(notes.batchId);
    if (open) await deleteBatch(notes.batchId, []);
  }
}

async function discardInterrupted({ batchId, jobs }) {
  memory.forget(batchId);
  await deleteBatch(batchId, jobs.map((job) => job.job_id));
}
