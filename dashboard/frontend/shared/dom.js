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

/** Have *elements* be all children of *container*, in order; who has the focus stays where it is. */
export function arrange(container, elements) {
  const wanted = new Set(elements);
  for (const child of [...container.children]) if (!wanted.has(child)) child.remove();
  let at = container.firstChild;
  for (const element of elements) {
    if (element === at) at = at.nextSibling;
    else container.insertBefore(element, at);
  }
}

/** Have a list offer options, each a value and a name; a list that is open stays open if they are the same. */
export function offerOptions(select, options) {
  const key = JSON.stringify(options);
  if (select.dataset.options === key) return;
  const { value } = select;
  select.dataset.options = key;
  select.replaceChildren(...options.map(([each, name]) => make("option", { value: each }, name)));
  select.value = options.some(([each]) => each === value) ? value : options[0][0];
}

/** Return what scrolls when the page is scrolled, looking outwards through the component's border. */
export function scrollerOf(element) {
  for (let node = element; node; node = node.parentElement ?? node.getRootNode().host) {
    if (/auto|scroll/.test(getComputedStyle(node).overflowY) && node !== element) return node;
  }
  return document.scrollingElement;
}

/** Let what sticks to the top of *element* stay below Streamlit's header: `--cover` is how far that reaches into it. */
export function stickBelowHeader(element, signal) {
  const measure = () => {
    const cover = document.querySelector("[data-testid=stHeader]")?.getBoundingClientRect().bottom ?? 0;
    const top = cover - scrollerOf(element).getBoundingClientRect().top;
    element.style.setProperty("--cover", `${Math.max(0, top)}px`);
  };
  measure();
  addEventListener("resize", measure, { signal });
}

/**
 * Have a plain click on *link* do *follow*: loading a page again would end uploads that are under way.
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
