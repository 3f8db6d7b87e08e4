// Tells of an upload outside of its page: in the tab's title, and in the navigation of all pages.

const PLACES = "[data-testid=stHeader], [data-testid=stTopNavLink], [data-testid=stSidebarNavLink]";

export class Beacon {
  /** Show *text*. Call it repeatedly: Streamlit rebuilds title and navigation with each page. */
  show(text) {
    const { document } = globalThis;
    if (!document) return;
    const plain = this.shown ? document.title.replace(`${this.shown} · `, "") : document.title;
    const title = text ? `${text} · ${plain}` : plain;
    if (document.title !== title) document.title = title;
    this.shown = text;
    for (const place of document.querySelectorAll(PLACES)) {
      const isLink = place.pathname !== undefined;
      if (isLink && !place.pathname.endsWith("/")) continue; // it leads to another page
      const told = isLink ? text.replace(/^Upload ?/, "") : text; // the link itself says Upload
      if (!told) place.removeAttribute("data-upload");
      else if (place.dataset.upload !== told) place.dataset.upload = told;
    }
  }
}
