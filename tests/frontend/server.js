// A server for the calls of a test: it gives the answers that the test lists for each call, the last one for ever.

export function answering(answers) {
  const calls = [];
  const left = Object.fromEntries(Object.entries(answers).map(([call, list]) => [call, [...list]]));
  globalThis.fetch = (address, { method = "GET" } = {}) => {
    const call = `${method} ${address.replace(/^\/api/, "")}`;
    calls.push(call);
    if (!(call in left)) return Promise.reject(new Error(`nobody expects ${call}`));
    const [status, body = null, headers = {}] = [left[call].length > 1 ? left[call].shift() : left[call][0]].flat();
    if (status === 0) return Promise.reject(new TypeError("connection refused"));
    const text = status === 204 ? null : JSON.stringify(body);
    return Promise.resolve(new Response(text, { status, headers }));
  };
  return { calls };
}

/** Runs *work* while all waiting takes no time, and returns what it was asked to wait, in seconds. */
export async function withoutWaiting(work) {
  const { setTimeout } = globalThis;
  const waits = [];
  globalThis.setTimeout = (resume, milliseconds, ...rest) => {
    waits.push(milliseconds / 1000);
    return setTimeout(resume, 0, ...rest);
  };
  try {
    await work();
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  return waits;
}
