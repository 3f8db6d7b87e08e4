// Where the caret is in the text of a paragraph, and how it gets from one paragraph to the next. The text lives behind
// a component's border, where browsers tell the selection in ways of their own.

/** Return the selection in an element as offsets of its text, or null if it is elsewhere. */
export function selectedIn(element) {
  const range = rangeIn(element.getRootNode());
  if (!range || !element.contains(range.startContainer) || !element.contains(range.endContainer)) return null;
  return {
    from: offsetOf(element, range.startContainer, range.startOffset),
    to: offsetOf(element, range.endContainer, range.endOffset),
  };
}

function rangeIn(root) {
  const selection = selectionOf(root);
  if (!root.getSelection && selection.getComposedRanges) {
    return selection.getComposedRanges({ shadowRoots: [root] })[0] ?? null;
  }
  return selection.rangeCount ? selection.getRangeAt(0) : null;
}

const selectionOf = (root) => root.getSelection?.() ?? document.getSelection();

function offsetOf(element, container, offset) {
  const before = document.createRange();
  before.setStart(element, 0);
  before.setEnd(container, offset);
  return before.toString().length;
}

/** Select a part of the text of an element that has one text node; without *to* it is a caret. */
export function select(element, from, to = from) {
  element.focus({ preventScroll: true });
  const node = element.firstChild ?? element;
  const [start, end] = [from, to].map((offset) => Math.min(offset, node.data?.length ?? 0));
  selectionOf(element.getRootNode()).setBaseAndExtent(node, start, node, end);
}

/** Remember what has the focus, and where in it the caret is; returns a function that puts both back. */
export function heldFocus(root) {
  const element = root.getRootNode().activeElement;
  const at = element && selectedIn(element);
  return () => {
    if (!element?.isConnected) return;
    if (at) select(element, at.from, at.to);
    else element.focus({ preventScroll: true });
  };
}

/** Have a press of the mouse leave the focus, and so the caret, where it is. */
export function leaveFocus(event) {
  event.preventDefault();
}

/** Return the rectangle of a part of the text. */
export function rectangleOf(element, from, to = from) {
  const node = element.firstChild;
  if (!node?.data) return element.getBoundingClientRect();
  const range = document.createRange();
  range.setStart(node, Math.min(from, node.data.length));
  range.setEnd(node, Math.min(to, node.data.length));
  return [...range.getClientRects()].at(-1) ?? range.getBoundingClientRect();
}

/** Return whether the caret at an offset is on the first or the last line, and how far from the left it is. */
export function lineAt(element, offset) {
  const length = element.textContent.length;
  const own = rectangleOf(element, offset);
  const [first, last] = [rectangleOf(element, 0), rectangleOf(element, length)];
  const half = own.height / 2;
  return { isFirst: own.top < first.top + half, isLast: own.top > last.top - half, left: own.left };
}

/** Return the offset on the first or the last line of the text that is nearest to *left*. */
export function offsetNear(element, left, { last }) {
  const length = element.textContent.length;
  const line = rectangleOf(element, last ? length : 0);
  let [best, distance] = [last ? length : 0, Infinity];
  for (let step = 0; step <= length; step++) {
    const offset = last ? length - step : step;
    const place = rectangleOf(element, offset);
    if (Math.abs(place.top - line.top) > line.height / 2) break;
    const away = Math.abs(place.left - left);
    if (away < distance) [best, distance] = [offset, away];
  }
  return best;
}
