// Where the keyboard goes on when what it was on is gone: to what comes next, not to the top of the page.

const NEXT_ACTIONS = ["keep", "cancel", "upload", "retry", "without", "files-button"];

// Paints, and moves the focus if that hid or removed what had it.
export function paintKeepingFocus(root, find, paint) {
  const focused = root.getRootNode().activeElement;
  paint();
  if (!focused || (focused.isConnected && !focused.closest("[hidden]"))) return;
  const next = NEXT_ACTIONS.map(find).find((button) => !button.closest("[hidden]"));
  next.focus();
}

// A key that is held down presses a button once: another one may have taken its place.
export function ignoreHeldKeys(root) {
  root.addEventListener("keydown", (event) => {
    if (event.repeat && event.key === "Enter" && event.target.matches("button")) event.preventDefault();
  });
}
