// What a tab tells outside of its page: in its title, and of an upload in the navigation of all pages.

import { shownName } from "./names.js";

const PLACES = "[data-testid=stHeader], [data-testid=stTopNavLink], [data-testid=stSidebarNavLink]";

export class Beacon {
  upload = "";
  batch = null;

  /** The one of this tab, also where scripts of two versions run in it. */
  static get ofTab() {
    return (globalThis.batchscribeBeacon ??= new Beacon());
  }

  /** Tell of an upload, "" of none. Call it repeatedly: Streamlit rebuilds title and navigation with each page. */
  tellUpload(text) {
    this.upload = text;
    this.#showTitle();
    for (const place of globalThis.document?.querySelectorAll(PLACES) ?? []) {
      const isLink = place.pathname !== undefined;
      if (isLink && !place.pathname.endsWith("/")) continue; // it leads to another page
      const told = isLink ? text.replace(/^Upload ?/, "") : text; // the link itself says Upload
      if (!told) place.removeAttribute("data-upload");
      else if (place.dataset.upload !== told) place.dataset.upload = told;
    }
  }

  /** Have the title say *brief* of the batch that is open, whose name stands for that of the page; null: none is. */
  tellBatch(batch) {
    this.batch = batch;
    this.#showTitle();
  }

  #showTitle() {
    const { document } = globalThis;
    if (!document) return;
    if (document.title !== this.shown) this.plain = document.title; // Streamlit's own
    this.shown = [this.upload, this.batch?.brief, shownName(this.batch?.name ?? "") || this.plain].filter(Boolean).join(
      " · ",
    );
    if (document.title !== this.shown) document.title = this.shown;
  }
}
