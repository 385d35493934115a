// @ts-check
/** Puts the page together: what is drawn is read, what was read is shown, what is wrong can be corrected. */

import { Outbox } from "./corrections.js";
import { counted, find } from "./dom.js";
import { Document, blank, inCell, isBlank, withCell } from "./document.js";
import { AttentionView } from "./attention.js";
import { Boxes } from "./boxes.js";
import { Live } from "./live.js";
import { Pad } from "./pad.js";
import { base64, download, opened, pictureIn, png } from "./picture.js";
import { describe, read, strokes } from "./reader.js";
import { Result, sentence } from "./result.js";
import { sample, samples } from "./samples.js";
import { load, save } from "./storage.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./reader.js").Reading} Reading */

/** The time after which what was read is said aloud, so that a drawing in progress is not. */
const ANNOUNCE_DELAY = 700;

/** @type {Grid} */ let grid = { rows: 2, cols: 2 };
/** What is shown, and the drawing it was read from. @type {{content: Content, reading: Reading} | null} */
let shown = null;
/** What was corrected, by cell, for as long as the cell stays as it is. @type {Map<number, {of: object, digit: string}>} */
const corrected = new Map();
/**
 * The correction that one more corrected digit joins.
 * @type {{content: Content, key: string | null, right: string, drawn?: Promise<object>}}
 */
let correcting = { content: blank(grid), key: null, right: "" };
let settled = 0;

const text = (/** @type {string} */ id) => find(id, HTMLElement);
const paper = new Document(blank(grid));
const attention = new AttentionView({
  section: text("attention"), maps: text("maps"), patch: text("patch"), most: text("most"), weights: text("weights"),
});
const result = new Result(
  { digits: text("digits"), picker: text("picker"), others: text("others"), sure: text("sure") }, correct);
const boxes = new Boxes(text("boxes"));
const pad = new Pad(find("canvas", HTMLCanvasElement), text("cells"), {
  draft: (content) => {
    boxes.clear();
    live.ask(content, true);
  },
  stroke: (content) => paper.change(content),
  key: keyInCell,
});
const live = new Live(read, { reading: showReading, error: showError });
const outbox = new Outbox(showStored);

/** Follows the drawing. */
function follow() {
  const { content } = paper;
  boxes.clear();
  pad.show(content).catch((error) => showStatus(error.message, "refused"));
  save("drawing", content.picture ? null : { ...grid, cells: content.cells });
  find("undo", HTMLButtonElement).disabled = !paper.canUndo;
  find("redo", HTMLButtonElement).disabled = !paper.canRedo;
  if (["stored", "refused"].includes(text("status").dataset.state ?? "")) showStatus("");
  const isEmpty = isBlank(content);
  for (const id of ["clear", "clear-cell", "save"]) find(id, HTMLButtonElement).disabled = isEmpty;
  text("hint").hidden = !isEmpty;
  if (!isEmpty) return live.ask(content);
  live.forget();
  shown = null;
  result.clear();
  attention.clear();
  text("advice").hidden = true;
  announce("");
}

/** @param {Content} content @param {Reading} reading */
function showReading(content, reading) {
  shown = { content, reading };
  show();
  attention.show(reading);
  announce(sentence(reading, right(), kind(content, reading)));
  if (reading.model !== digest) learnModel();
}

function show() {
  if (!shown) return;
  const { content, reading } = shown;
  const { canCorrect } = kind(content, reading);
  result.show(reading, right(), kind(content, reading));
  if (content.picture) boxes.show(reading, right(), content.picture);
  else boxes.clear();
  text("advice").hidden = reading.digits === "";
  text("advice").textContent = canCorrect
    ? "Wrong? Click a digit, or go to it and press the right one."
    : `Only digits in a grid of ${grid.rows} x ${grid.cols} can be corrected here.`;
}

/** Only what lies in the model's own grid can be learnt from. @param {Content} content @param {Reading} reading */
const kind = ({ picture }, { layout }) => ({
  isPicture: picture !== null,
  canCorrect: picture === null || layout === `${grid.rows}x${grid.cols}`,
});

/** What was read, with what was corrected in cells that are as they were. */
function right() {
  if (!shown) return "";
  const { content, reading } = shown;
  return Array.from(reading.digits, (digit, index) => {
    const correction = corrected.get(index);
    return correction && correction.of === inCell(content, index) ? correction.digit : digit;
  }).join("");
}

/** @param {string} is what is right */
async function correct(is) {
  if (!shown || is === right()) return;
  const { content, reading } = shown;
  if (!kind(content, reading).canCorrect) return;
  Array.from(is).forEach((digit, index) => corrected.set(index, { of: inCell(content, index), digit }));
  show();
  if (correcting.content !== content) correcting = { content, key: null, right: "" };
  const mine = correcting;
  mine.right = is;
  // What was sent already can only be corrected once more.
  if (is === reading.digits && (mine.key === null || outbox.withdraw(mine.key))) return showStatus("");
  const drawn = await (mine.drawn ??= drawing(content));
  // Meanwhile another digit may have been corrected.
  if (mine.right !== is) return;
  mine.key = outbox.add({ model: reading.model, read: reading.digits, right: is, ...drawn, source: "page" }, mine.key);
}

/** The drawing as a correction holds it. @param {Content} content */
const drawing = async (content) =>
  content.picture ? { picture: await base64(await png(content, grid)) } : { strokes: strokes(content) };

/**
 * @param {import("./corrections.js").State} state @param {import("./corrections.js").Correction} correction
 * @param {string} detail
 */
function showStored(state, { read: was, right: is }, detail) {
  const change = is === was ? `${is}, as it was read` : `${is} instead of ${was}`;
  const say = {
    kept: `Storing ${change} …`,
    stored: `Stored: ${change}. Thank you.`,
    waiting: `${detail} ${change} is kept here and will be sent again.`,
    refused: `Not stored: ${detail}.`,
  };
  showStatus(say[state], state);
}

/** @param {string} message @param {string} [state] */
function showStatus(message, state = "") {
  const status = text("status");
  status.textContent = message;
  status.dataset.state = state;
}

/** Has a screen reader say something once nothing has changed for a while. @param {string} message */
function announce(message) {
  clearTimeout(settled);
  settled = setTimeout(() => (text("announcement").textContent = message), ANNOUNCE_DELAY);
}

/** @param {Error | null} error @param {number} pause */
function showError(error, pause) {
  text("error").hidden = error === null;
  if (!error) return outbox.retry();
  const next = pause > 0 ? ` Your drawing is kept; trying again in ${Math.ceil(pause / 1000)} s.` : "";
  text("error-text").textContent = error.message + next;
  find("retry", HTMLButtonElement).hidden = pause === 0;
}

/** @param {number} index @param {string} key */
function keyInCell(index, key) {
  const isClearing = key === "Delete" || key === "Backspace";
  if (!isClearing && !/^\d$/.test(key)) return false;
  const base = paper.content.picture ? blank(grid) : paper.content;
  paper.change(withCell(base, index, isClearing ? [] : sample(Number(key))));
  return true;
}

/** @param {File | undefined} file */
async function openPicture(file) {
  if (!file) return;
  try {
    paper.change({ ...blank(grid), picture: await opened(file) });
  } catch (error) {
    showStatus(error instanceof Error ? error.message : String(error), "refused");
  }
}

/** The digest of the model that the page knows. */
let digest = "";

async function learnModel() {
  const model = await describe().catch(() => null);
  if (!model) return;
  digest = model.digest;
  text("about").textContent = `Transformer of ${model.parameters.toLocaleString("en")} parameters`;
  text("model").textContent = `Model ${model.digest.slice(0, 12)}, ${model.source}.`;
  if (model.rows === grid.rows && model.cols === grid.cols) return;
  setGrid(model);
  paper.replace(restored());
}

/** @param {Grid} of */
function setGrid({ rows, cols }) {
  grid = { rows, cols };
  text("count").textContent = counted(rows * cols);
  pad.setGrid(grid);
  result.setGrid(grid);
}

/** The drawing that the browser kept, if it is of this grid. @returns {Content} */
function restored() {
  const kept = /** @type {any} */ (load("drawing"));
  const fits = kept?.rows === grid.rows && kept?.cols === grid.cols && kept.cells?.length === grid.rows * grid.cols;
  return fits ? { cells: kept.cells, picture: null } : blank(grid);
}

/** @type {Record<string, () => void>} */
const actions = {
  undo: () => paper.undo(),
  redo: () => paper.redo(),
  clear: () => paper.change(blank(grid)),
  "clear-cell": () => keyInCell(pad.active, "Delete"),
  sample: () => paper.change({ cells: samples(grid.rows * grid.cols), picture: null }),
  open: () => find("file", HTMLInputElement).click(),
  save: async () => download(await png(paper.content, grid), "digits.png"),
  retry: () => (live.retry(), outbox.retry()),
};
for (const [id, action] of Object.entries(actions)) text(id).addEventListener("click", action);

find("file", HTMLInputElement).addEventListener("change", ({ target }) => {
  const input = /** @type {HTMLInputElement} */ (target);
  openPicture(input.files?.[0]);
  input.value = "";
});
document.addEventListener("paste", ({ clipboardData }) => openPicture(pictureIn(clipboardData)));
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  openPicture(pictureIn(event.dataTransfer));
});
document.addEventListener("keydown", (event) => {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key === "z" && !event.shiftKey) paper.undo();
  else if (key === "y" || key === "z") paper.redo();
  else return;
  event.preventDefault();
});
addEventListener("online", () => actions.retry());

paper.addEventListener("change", follow);
setGrid(grid);
paper.replace(restored());
learnModel();
performance.mark("interactive");
