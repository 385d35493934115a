// @ts-check
/**
 * What the page has only without a server: the way of the model to it, what is kept in the browser, learning from that, and work
 * without a network.
 */

import { find, percent } from "./dom.js";
import { download } from "./picture.js";
import { learn, progress, request } from "./server.js";
import { changes, clear, count, forget, keep, lines, model } from "./store.js";

/** The fewest corrections that the model learns from, as the module has it. */
const FEWEST = 10;

const text = (/** @type {string} */ id) => find(id, HTMLElement);
const loading = text("loading");
const bar = find("loading-bar", HTMLProgressElement);
const learningBar = find("learning-bar", HTMLProgressElement);

/** @param {string} message @param {boolean} isLoading */
function show(message, isLoading) {
  loading.hidden = message === "";
  text("loading-text").textContent = message;
  bar.hidden = !isLoading;
}

/** @param {string} name @param {(detail: any) => void} then */
const hear = (name, then) => progress.addEventListener(name, (event) => then(/** @type {CustomEvent} */ (event).detail));

hear("loaded", (detail) => {
  bar.value = Math.min(detail, bar.max);
  if (detail < Infinity) return show("Loading the model …", true);
  show("", false);
  // What is to be kept for work without a network is in the browser's cache by now.
  navigator.serviceWorker?.register("sw.js").catch(() => {});
});
hear("failed", (reason) => show(reason, false));
hear("learning", (share) => (learningBar.value = share));
hear("note", (sentence) => {
  say(sentence);
  showKept();
});

/** @param {string} message */
const say = (message) => (text("learning-text").textContent = message);

/** The reason as the end of a sentence. @param {unknown} error */
const reason = (error) => (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");

/** @param {number} number */
const corrections = (number) => (number === 1 ? "1 correction" : `${number} corrections`);

async function showKept() {
  const [number, learned] = [await count().catch(() => 0), await model().catch(() => undefined)];
  text("kept").hidden = number === 0;
  text("kept-count").textContent = `${corrections(number)} ${number === 1 ? "is" : "are"}`;
  text("learn").hidden = number < FEWEST;
  text("learned").hidden = !learned;
  text("learned-count").textContent = corrections(learned?.learned ?? 0);
}

/** Has the page read with the model that is in the database now. */
async function reload() {
  await request("api/model/reload");
  document.dispatchEvent(new Event("model"));
}

/**
 * What came of learning, in sentences.
 * @param {{learned: number, skipped: number, held_out: number, before: Scores, after: Scores, objection: string | null}} outcome
 */
function sentences({ learned, skipped, held_out, before, after, objection }) {
  const left = skipped > 0 ? ` ${corrections(skipped)} could not be used.` : "";
  if (objection) return `The model stays as it is: ${objection}.${left}`;
  const decided = after.corrections === before.corrections && after.cells === before.cells; // by confidence
  const sure = decided ? `; it is ${percent(after.confidence, 1)} sure of them, the built-in model ${percent(before.confidence, 1)}` : "";
  return `It learned ${corrections(learned)}. Of ${held_out} others it reads ${after.corrections} right, the built-in model ${before.corrections}${sure}; ` +
    `of grids of synthetic digits that the built-in model is sure of ${percent(after.validation, 1)}, the built-in model ${percent(before.validation, 1)}.${left}`;
}
/** @typedef {{corrections: number, cells: number, confidence: number, validation: number}} Scores */

async function teach() {
  const [button, stopping] = [find("learn", HTMLButtonElement), find("learning-stop", HTMLButtonElement)];
  button.disabled = true;
  learningBar.value = 0;
  say("Learning takes up to half a minute.");
  try {
    const { outcome, stop } = learn((await lines()).join(""));
    stopping.onclick = stop;
    text("learning").hidden = false;
    stopping.focus();
    const came = await outcome.finally(() => (text("learning").hidden = true));
    if (came?.tensors) {
      const tensors = new Blob([Uint8Array.from(atob(came.tensors), (c) => c.charCodeAt(0))]);
      await keep({ tensors, learned: came.learned, base: came.base });
      await reload();
    }
    say(came ? sentences(came) : "Stopped. The model stays as it is.");
  } catch (error) {
    say(`Learning failed: ${reason(error)}.`);
  }
  button.disabled = false;
  button.focus();
}

async function useBuiltIn() {
  if (!confirm("Delete what the model learned? The corrections stay.")) return;
  try {
    await forget();
    await reload();
    say("The built-in model reads again.");
  } catch (error) {
    say(`The learned model is still there: ${reason(error)}.`);
  }
}

changes.addEventListener("change", showKept);
text("learn").addEventListener("click", teach);
text("kept-download").addEventListener("click", async () =>
  download(new Blob(await lines(), { type: "application/jsonl" }), "corrections.jsonl"));
text("kept-clear").addEventListener("click", () => {
  if (confirm("Delete all corrections that this browser keeps?")) clear();
});
text("learned-download").addEventListener("click", async () => {
  const learned = await model();
  if (learned) download(learned.tensors, "model.safetensors");
});
text("learned-undo").addEventListener("click", useBuiltIn);
showKept();
