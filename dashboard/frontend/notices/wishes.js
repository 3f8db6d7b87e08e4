// Batches whose end a person wants to be told, and whether the browser may tell it. All tabs share them.

import { store, stored, storedNames } from "../shared/storage.js";

const TELL = "batchscribe.tell.";

export const wishes = {
  has: (batchId) => stored(TELL + batchId) !== null,
  all: () => storedNames(TELL).map((name) => ({ batchId: name.slice(TELL.length), at: stored(name)?.at ?? 0 })),

  /** Note a wish, or that there is none. Returns whether the browser keeps it. */
  set: (batchId, on) => store(TELL + batchId, on ? { at: Date.now() } : null),
};

const UNSUPPORTED = "This browser shows no notifications of this page. The title of the tab tells the end, too.";
const UNSAFE = "The browser allows notifications only of pages at https:// or on this machine. " +
  "The title of the tab tells the end, too.";
const DENIED = "The browser blocks notifications of this page. Allow them in its settings, then ask again.";
const UNANSWERED = "Notifications were not allowed, so nothing would be shown. Ask again to decide once more.";

/** Ask for the permission to show notifications; returns why they will not be shown, "" if they will. */
export async function refusal() {
  const { Notification, navigator, isSecureContext } = globalThis;
  if (!isSecureContext) return UNSAFE;
  if (!Notification || !navigator.locks || /Android/.test(navigator.userAgent)) return UNSUPPORTED;
  const answer = await Notification.requestPermission();
  return { granted: "", denied: DENIED }[answer] ?? UNANSWERED;
}
