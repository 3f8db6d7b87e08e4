// What the devices did when, as figures: from the attempts of a batch's jobs, those that failed as well, and from the
// times for which other devices helped with them.

const KINDS = { completed: "good", failed: "bad", crashed: "bad", cancelled: "warn" };

/** Every attempt of every job, and all help, as spans of milliseconds, the earliest first; what lasts ends *at* now. */
export function spansOf(jobs, at) {
  return jobs
    .flatMap((job) => [
      ...job.attempts.map((attempt, index) => ({
        ...spanOf(attempt, job, at),
        number: index + 1,
        word: index === job.attempts.length - 1 ? job.stage : attempt.ended_as,
      })),
      ...job.helpers.map((help) => ({
        ...spanOf(help, job, at),
        helps: true,
        word: help.ended_at ? "helped" : "helps",
      })),
    ])
    .sort((one, other) => one.from - other.from);
}

function spanOf({ work_pool: pool, started_at: from, ended_at: to, ended_as: state }, job, at) {
  return {
    job,
    pool: pool || job.work_pool || "",
    from: Date.parse(from),
    to: to ? Date.parse(to) : at,
    kind: to ? KINDS[state] ?? "warn" : "busy",
    helps: false,
  };
}

/** The spans by device, each in the first lane that is free when it begins; *idle* ones have none. */
export function lanesOf(spans, idle = []) {
  const pools = new Map(idle.map((name) => [name, []]));
  for (const span of spans) {
    const lanes = pools.get(span.pool) ?? pools.set(span.pool, []).get(span.pool);
    const free = lanes.find((lane) => lane.at(-1).to <= span.from);
    if (free) free.push(span);
    else lanes.push([span]);
  }
  const collator = new Intl.Collator("en", { numeric: true });
  return [...pools]
    .map(([name, lanes]) => ({
      name,
      lanes: lanes.length ? lanes : [[]],
      jobs: new Set(lanes.flat().filter(({ helps }) => !helps).map(({ job }) => job.job_id)).size,
      helps: new Set(lanes.flat().filter(({ helps }) => helps).map(({ job }) => job.job_id)).size,
      busy: sum(joined(lanes.flat())),
    }))
    .sort((one, other) => collator.compare(one.name, other.name));
}

/** The times during which the batch was under way: its own attempts, and jobs that were retried alone. */
export function timesUnderWay(attempts, spans, at) {
  const own = attempts.map(({ started_at: from, ended_at: to }) => ({
    from: Date.parse(from),
    to: to ? Date.parse(to) : at,
  }));
  return joined([...own, ...spans]);
}

export const sum = (times) => times.reduce((total, { from, to }) => total + to - from, 0);

/** Spans without those parts that others cover. */
function joined(spans) {
  const times = [];
  for (const { from, to } of [...spans].sort((one, other) => one.from - other.from)) {
    const last = times.at(-1);
    if (last && from <= last.to) last.to = Math.max(last.to, to);
    else times.push({ from, to });
  }
  return times;
}
