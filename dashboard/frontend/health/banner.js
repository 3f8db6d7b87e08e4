// Says what is wrong with the installation and what to do, as long as something is; nothing otherwise.

import { beginTelling } from "../notices/teller.js";
import { call, wasAccepted } from "../shared/api.js";

const WELL_SECONDS = 15;
const UNWELL_SECONDS = 5;
const ANSWER_SECONDS = 12; // the dashboard itself gives the Prefect server and the store five
const AWAY = "The dashboard does not answer. If it was stopped, start it: make up. The page reconnects by itself.";

const watches = new WeakMap();

export default function ({ parentElement }) {
  if (!watches.has(parentElement)) {
    beginTelling();
    watches.set(parentElement, watch(parentElement));
  }
  return () => {
    watches.get(parentElement)?.();
    watches.delete(parentElement);
  };
}

function watch(parentElement) {
  const notice = document.createElement("div");
  notice.className = "away-notice";
  notice.setAttribute("role", "alert"); // there from the start, so that screen readers notice what comes into it
  parentElement.append(notice);
  let next = 0;
  let stopped = false;

  async function look() {
    clearTimeout(next);
    const problem = document.hidden ? notice.textContent : await problemNow();
    if (stopped) {
      return;
    }
    if (notice.textContent !== problem) {
      notice.textContent = problem;
    }
    next = setTimeout(look, (problem ? UNWELL_SECONDS : WELL_SECONDS) * 1000);
  }

  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    stopped = true;
    clearTimeout(next);
    document.removeEventListener("visibilitychange", look);
    notice.remove();
  };
}

async function problemNow() {
  const answer = await call("GET", "/health", { seconds: ANSWER_SECONDS, cache: "no-store" });
  return wasAccepted(answer) ? "" : answer.body?.detail || AWAY;
}
