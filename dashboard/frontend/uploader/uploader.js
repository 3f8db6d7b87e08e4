// What Streamlit calls: with each change of the data or the theme, not only once.

import { BatchUpload } from "./batch_upload.js";
import { View } from "./view.js";

const views = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const upload = (globalThis.batchscribeUpload ??= new BatchUpload());
  upload.endings = new Set(data.endings);
  upload.parallelUploads = data.parallelUploads;
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement, upload, data));
  const view = views.get(parentElement);
  view.attach({ setTriggerValue });
  return () => {
    view.detach();
    views.delete(parentElement);
  };
}
