// Which jobs are selected, and what can be done to how many of them.

import { counted, number } from "../shared/formats.js";

const ENDED = new Set(["done", "failed", "cancelled"]);
const REASONS_TOLD = 3;

/** The ids of what is selected. A range goes from what was last chosen, its *anchor*. */
export class Selection {
  constructor() {
    this.ids = new Set();
    this.anchor = null;
  }

  /** Select or leave out *id*, and with *range* all between it and the anchor, in the *order* of the table. */
  choose(id, isSelected, { range = false, order = [] } = {}) {
    const [from, to] = [order.indexOf(this.anchor), order.indexOf(id)].sort((one, other) => one - other);
    const chosen = range && from >= 0 ? order.slice(from, to + 1) : [id];
    for (const each of chosen) isSelected ? this.ids.add(each) : this.ids.delete(each);
    this.anchor = id;
  }

  /** Select all of *ids*, or none of them. */
  chooseAll(ids, isSelected) {
    for (const id of ids) isSelected ? this.ids.add(id) : this.ids.delete(id);
  }

  clear() {
    this.ids.clear();
  }

  /** Leave out what is no longer there. */
  keep(ids) {
    const there = new Set(ids);
    for (const id of this.ids) if (!there.has(id)) this.ids.delete(id);
  }

  /** "all", "some" or "none" of *ids* are selected. */
  share(ids) {
    const count = ids.filter((id) => this.ids.has(id)).length;
    return count === 0 ? "none" : count === ids.length ? "all" : "some";
  }
}

/** The jobs of *jobs* to which each action can be done; *started* is whether their batch was. */
export function possible(jobs, { started, cancelling }) {
  const ended = jobs.filter(({ stage }) => ENDED.has(stage));
  const underWay = jobs.filter(({ stage }) => !ENDED.has(stage));
  return {
    retry: started && !cancelling
      ? ended.filter((job) => job.stage !== "done" && !job.upload_removed && (job.runs_again || job.flow_run_id))
      : [],
    cancel: cancelling ? [] : underWay,
    download: ended.filter(({ documents }) => documents.length),
    dismiss: started ? ended : [],
  };
}

/** How a button says what it does: "Retry", or "Retry 3 of 5" where it cannot be done for some. */
export const buttonWords = (word, possibleCount, selectedCount) =>
  possibleCount === selectedCount ? word : `${word} ${number(possibleCount)} of ${number(selectedCount)}`;

const DONE = { retry: "retried", cancel: "cancelled", dismiss: "dismissed", remove: "removed" };

/** What came of an action: "3 of 5 jobs are retried. a.mp3 is done, so there is nothing to retry." */
export function outcomeSentence(action, { done, total, jobs }) {
  const verb = (count) => `${count === 1 ? "is" : "are"} ${DONE[action]}.`;
  if (done === total) return `${counted(total, "job")} ${verb(total)}`;
  const reasons = jobs.filter((job) => !job.done).map(({ reason }) => reason);
  const told = reasons.slice(0, REASONS_TOLD).join(" ");
  const more = reasons.length > REASONS_TOLD ? ` And ${counted(reasons.length - REASONS_TOLD, "other")}.` : "";
  return `${number(done)} of ${counted(total, "job")} ${verb(done)} ${told}${more}`;
}
