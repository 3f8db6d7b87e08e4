// Calls of the HTTP API. A call never throws: a connection that breaks is an answer with status 0.

export const API = "/api";
const PASSING = new Set([0, 408, 423, 429, 502, 503, 504]);
const SECONDS_BETWEEN_TRIES = [1, 2, 4, 8, 15, 30, 30, 30];
const CALL_SECONDS = 60;
const NO_CONNECTION = "The server cannot be reached. Check the connection, then try again.";

/** Whether the same call may be answered otherwise later. */
export function isPassing(answer) {
  return PASSING.has(answer.status);
}

export function wasAccepted(answer) {
  return answer.status >= 200 && answer.status < 300;
}

/** Why a call was not accepted, as a sentence. */
export function reasonOf(answer, noConnection = NO_CONNECTION) {
  if (answer.status === 0) return noConnection;
  return answer.body?.detail ?? `The server answered ${answer.status}. Try again, or look into its log.`;
}

/**
 * Call once. The answer has the *text*, the *body* if that is JSON, and *at*, the server's time in milliseconds. *signal*
 * breaks the call off, and so does a time limit of *seconds*. What else is given is for `fetch`.
 */
export async function call(method, path, { body, signal, seconds = CALL_SECONDS, ...request } = {}) {
  const json = body === undefined
    ? {}
    : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const timeout = AbortSignal.timeout(seconds * 1000);
  const ending = signal ? AbortSignal.any([signal, timeout]) : timeout;
  try {
    const response = await fetch(API + path, { method, ...request, ...json, signal: ending });
    const text = await response.text();
    return {
      status: response.status,
      text,
      body: parsed(text),
      at: Date.parse(response.headers.get("Date") ?? "") || Date.now(),
      retryAfterSeconds: Number(response.headers.get("Retry-After")) || 0,
    };
  } catch {
    return { status: 0 };
  }
}

/** Call until the trouble, if it is one that passes, is over. *signal* ends the waiting, not a call under way. */
export async function callPatiently(method, path, { body, signal, onWait } = {}) {
  for (let tries = 1;; tries += 1) {
    const answer = await call(method, path, { body });
    if (!isPassing(answer) || signal?.aborted) return answer;
    await waitBefore(tries, answer, signal, (seconds) => onWait?.(answer, seconds));
    if (signal?.aborted) return answer;
  }
}

/**
 * Wait longer each time, up to the last step, and not less than the server asked for. Somebody who comes back online
 * waits no longer.
 */
export function waitBefore(tries, answer, signal, onWait) {
  const step = SECONDS_BETWEEN_TRIES[tries - 1] ?? SECONDS_BETWEEN_TRIES.at(-1);
  const seconds = Math.max(step, answer.retryAfterSeconds || 0);
  onWait?.(seconds);
  return new Promise((resume) => {
    const ended = new AbortController();
    const end = () => {
      clearTimeout(timer);
      ended.abort();
      resume();
    };
    const timer = setTimeout(end, seconds * 1000);
    addEventListener("online", end, { signal: ended.signal });
    signal?.addEventListener("abort", end, { signal: ended.signal });
  });
}

/** What JSON text says, or null if it is none. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
