// How elements are made and changed. Names of files and batches only ever become text, never markup.

/** Return a new element. What is null, undefined, false or an empty child is left out; "on…" attributes listen. */
export function make(tag, attributes = {}, ...children) {
  const namespace = SVG_TAGS.has(tag) ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(
    ...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""),
  );
  return element;
}

const SVG_TAGS = new Set(["svg", "g", "path", "rect", "line", "text", "title"]);

/** Set the text of *element* if it is another one, so that a selection in unchanged text survives. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set or remove an attribute if it has another value. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Return what scrolls when the page is scrolled, looking outwards through the component's border. */
export function scrollerOf(element) {
  for (let node = element; node; node = node.parentElement ?? node.getRootNode().host) {
    if (/auto|scroll/.test(getComputedStyle(node).overflowY) && node !== element) return node;
  }
  return document.scrollingElement;
}

/**
 * Have a plain click on *link* do *follow*: loading a page anew would end uploads that are under way.
 *
 * A click with a modifier key is left to the browser, which opens another tab or window with it.
 */
export function onPlainClick(link, follow) {
  link.addEventListener("click", (event) => {
    if (!link.href || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    follow();
  });
}
