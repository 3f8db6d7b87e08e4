// Lays out the board: a strip of totals, then one card for each work pool that transcribes.
// Each call builds the whole board anew and carries over what differs, so that nothing flickers or loses focus.

import { make } from "../shared/dom.js";

const ICONS = {
  busy: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-2 6 7 4-7 4V8Z",
  idle:
    "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm-1.2 14.2-4-4L8.200 10.800l2.600 2.600L15.800 8.400l1.400 1.400-6.400 6.400Z",
  pause: "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20ZM9 8h2v8H9V8Zm4 0h2v8h-2V8Z",
  off:
    "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20Zm4.200 12.800-1.400 1.400L12 13.400l-2.800 2.800-1.400-1.400L10.600 12 7.800 9.200l1.400-1.400L12 10.600l2.800-2.800 1.400 1.400L13.400 12l2.800 2.800Z",
  warn: "M12 2 1 21h22L12 2Zm1 16h-2v-2h2v2Zm0-4h-2V9h2v5Z",
};

export default function ({ parentElement, data, setTriggerValue }) {
  const fresh = board(data);
  const shown = parentElement.querySelector(".board");
  if (shown) {
    carryOver(shown, fresh);
  } else {
    parentElement.append(fresh);
  }
  // A plain click changes the page without loading it anew, which would end uploads that are under way.
  parentElement.onclick = (event) => {
    const link = event.target.closest?.("a[data-batch]");
    if (link && event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)) {
      event.preventDefault();
      setTriggerValue("batch", link.dataset.batch);
    }
  };
}

function board({ totals, cards }) {
  return make(
    "div",
    { class: "board" },
    make("dl", { class: "totals" }, ...totals.map(fact)),
    make("ul", { class: "cards", "aria-label": "Devices" }, ...cards.map(card)),
  );
}

function card(pool) {
  const { work_pool: name, icon: state } = pool;
  return make(
    "li",
    { class: "card", "data-key": name, "data-state": state, "aria-label": `${name}: ${pool.status}` },
    make(
      "div",
      { class: "head" },
      make("h2", {}, outside(pool.url, pool.name, "Open this work pool in Prefect")),
      make("span", { class: "status" }, icon(state), pool.status),
    ),
    make("p", { class: "device" }, pool.device),
    pool.problem && make("p", { class: "problem" }, pool.problem),
    runs("Running", pool.running, state === "idle" ? "Nothing: it waits for jobs." : ""),
    runs("Next on this device", pool.queued, ""),
    make("dl", { class: "facts" }, ...pool.facts.map(fact)),
    failures(pool.failures),
  );
}

function runs(title, lines, otherwise) {
  if (!lines.length && !otherwise) return null;
  return make(
    "section",
    { class: "runs", "data-key": title },
    make("h3", {}, title),
    lines.length ? make("ul", {}, ...lines.map(run)) : make("p", { class: "small" }, otherwise),
  );
}

function run(line) {
  const begun = line.percent !== null;
  return make(
    "li",
    { class: "run", "data-key": line.url },
    make(
      "div",
      { class: "line" },
      outside(line.url, line.name, "Open this run in Prefect", "name"),
      begun && make("span", { class: "percent" }, `${line.percent} %`),
    ),
    begun && bar(line.percent / 100, `Progress of ${line.name}`),
    make(
      "div",
      { class: "small" },
      line.batch_id && batchLink(line),
      line.batch_id && line.state && " · ",
      line.state,
    ),
  );
}

function batchLink({ batch_id: id, batch }) {
  return make("a", { href: `/batches?batch=${encodeURIComponent(id)}`, "data-batch": id }, batch);
}

function failures(lines) {
  if (!lines.length) return null;
  const rows = lines.map((line) =>
    make("li", {}, outside(line.url, line.name, "Open this run in Prefect"), ` ${line.ago}: ${line.reason}`)
  );
  return make(
    "details",
    {},
    make("summary", {}, `Latest failures (${lines.length}, newest ${lines[0].ago})`),
    make("ul", { class: "small" }, ...rows),
  );
}

function fact({ label, value, note, share }) {
  return make(
    "div",
    { class: "fact" },
    make("dt", {}, label),
    make(
      "dd",
      {},
      make("span", { class: "value" }, value),
      note && make("span", { class: "small" }, note),
      share !== null && bar(share, label),
    ),
  );
}

function bar(share, label) {
  const percent = Math.round(share * 100);
  const attributes = { class: "bar", role: "progressbar", "aria-label": label, "aria-valuenow": percent };
  return make(
    "div",
    { ...attributes, "aria-valuemin": 0, "aria-valuemax": 100 },
    make("div", { style: `width:${percent}%` }),
  );
}

function outside(url, text, title, style = null) {
  return make("a", { href: url, target: "_blank", rel: "noopener noreferrer", title, class: style }, text);
}

function icon(name) {
  return make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d: ICONS[name] }));
}

function carryOver(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) {
      old.data = fresh.data;
    }
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && name !== "open") { // what a person has opened stays open
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of [...fresh.attributes]) {
    if (old.getAttribute(name) !== value) {
      old.setAttribute(name, value);
    }
  }
  const left = [...old.childNodes];
  for (const child of [...fresh.childNodes]) {
    const index = left.findIndex((candidate) => kind(candidate) === kind(child));
    if (index < 0) {
      old.insertBefore(child, left[0] ?? null);
    } else {
      left.splice(0, index).forEach((gone) => gone.remove());
      carryOver(left.shift(), child);
    }
  }
  left.forEach((gone) => gone.remove());
}

// What a part of the board is, so that one that comes or goes leaves its neighbours alone.
function kind(node) {
  return [node.nodeName, node.className, node.dataset?.key].join(" ");
}
