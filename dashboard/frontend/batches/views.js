// Streamlit's side: it calls the default export when the element appears and whenever its data change, and what that
// returns once, when the element goes.

import { BatchView } from "./batch.js";
import { ListView } from "./list.js";

const views = new WeakMap();

export default function show({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".view");
  const sign = JSON.stringify(data);
  const shown = views.get(root);
  if (shown && shown.sign !== sign && shown.view.follows?.(data)) shown.sign = sign;
  else if (shown?.sign !== sign) {
    shown?.view.stop();
    const view = data.batch_id ? new BatchView(root, data, setTriggerValue) : new ListView(root, data, setTriggerValue);
    views.set(root, { sign, view });
  }
  return () => {
    views.get(root)?.view.stop();
    views.delete(root);
  };
}
