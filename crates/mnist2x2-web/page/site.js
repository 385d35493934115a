// @ts-check
/**
 * What the page has only without a server: the way of the model to it, what is kept in the browser, learning from that, and work
 * without a network.
 */

import { find, percent } from "./dom.js";
import { download } from "./picture.js";
import { learn, progress, request } from "./server.js";
import { changes, clear, count, keep, lines, model } from "./store.js";

/** The fewest corrections that the model learns from. */
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
hear("unusable", (reason) => say(`The model that learned cannot be used: ${reason}. The one that is built in reads.`));

/** @param {string} message */
const say = (message) => (text("learning-text").textContent = message);

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

/** Has the page read with another model, or the one that is built in. @param {import("./store.js").Model | null} learned */
async function use(learned) {
  await keep(learned);
  await request("api/model/reload");
  document.dispatchEvent(new Event("model"));
}

/**
 * What came of learning, in a sentence.
 * @param {{learned: number, held_out: number, before: Scores, after: Scores, objection: string | null}} outcome
 */
function sentence({ learned, held_out, before, after, objection }) {
  if (objection) return `The model stays as it is: ${objection}.`;
  return `It learned ${corrections(learned)}. Of ${held_out} others it reads ${after.corrections} right, before ${before.corrections}; ` +
    `of synthetic digits ${percent(after.validation, 1)} of grids, before ${percent(before.validation, 1)}.`;
}
/** @typedef {{corrections: number, cells: number, validation: number}} Scores */

async function teach() {
  const button = find("learn", HTMLButtonElement);
  say("");
  learningBar.value = 0;
  const { outcome, stop } = learn((await lines()).join(""));
  find("learning-stop", HTMLButtonElement).onclick = stop;
  [button.disabled, text("learning").hidden] = [true, false];
  try {
    const came = await outcome;
    if (came?.tensors) {
      const bytes = Uint8Array.from(atob(came.tensors), (c) => c.charCodeAt(0));
      await use({ tensors: new Blob([bytes]), learned: came.learned });
    }
    say(came ? sentence(came) : "Stopped. The model stays as it is.");
  } catch (error) {
    say(`The model stays as it is: ${error instanceof Error ? error.message : error}.`);
  }
  [button.disabled, text("learning").hidden] = [false, true];
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
text("learned-undo").addEventListener("click", async () => {
  await use(null);
  say("The model that is built in reads again.");
});
showKept();
