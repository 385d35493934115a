// @ts-check
/** What the page has only without a server: the way of the model to it, what is kept in the browser, and work without a network. */

import { find } from "./dom.js";
import { download } from "./picture.js";
import { progress } from "./server.js";
import { changes, clear, count, lines } from "./store.js";

const loading = find("loading", HTMLElement);
const bar = find("loading-bar", HTMLProgressElement);

/** @param {string} message @param {boolean} isLoading */
function show(message, isLoading) {
  loading.hidden = message === "";
  find("loading-text", HTMLElement).textContent = message;
  bar.hidden = !isLoading;
}

progress.addEventListener("loaded", (event) => {
  const { detail } = /** @type {CustomEvent<number>} */ (event);
  bar.value = Math.min(detail, bar.max);
  if (detail < Infinity) return show("Loading the model …", true);
  show("", false);
  // What is to be kept for work without a network is in the browser's cache by now.
  navigator.serviceWorker?.register("sw.js").catch(() => {});
});
progress.addEventListener("failed", (event) => show(/** @type {CustomEvent<string>} */ (event).detail, false));

async function showCount() {
  const number = await count().catch(() => 0);
  find("kept", HTMLElement).hidden = number === 0;
  find("kept-count", HTMLElement).textContent = number === 1 ? "1 correction is" : `${number} corrections are`;
}

changes.addEventListener("change", showCount);
find("kept-download", HTMLElement).addEventListener("click", async () =>
  download(new Blob(await lines(), { type: "application/jsonl" }), "corrections.jsonl"));
find("kept-clear", HTMLElement).addEventListener("click", () => {
  if (confirm("Delete all corrections that this browser keeps?")) clear();
});
showCount();
