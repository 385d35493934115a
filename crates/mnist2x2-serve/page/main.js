// @ts-check
/** Puts the page together: what is drawn is read, what was read is shown, what is wrong can be corrected. */

import { Outbox } from "./corrections.js";
import { counted, find } from "./dom.js";
import { Document, SIDE, blank, inCell, isBlank, withCell } from "./document.js";
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
/** @typedef {"grid" | "line" | "auto"} Sheet  the model's grid; or one without cells, read as a picture of that layout */

/** The time after which what was read is said aloud, so that a drawing in progress is not. */
const ANNOUNCE_DELAY = 700;

/** What is written on an empty sheet. @type {Record<Sheet, string>} */
const HINTS = { grid: "one digit in each cell", line: "digits in one row", auto: "digits anywhere" };

/** What the model reads. @type {Grid} */ let modelGrid = { rows: 2, cols: 2 };
/** @type {Sheet} */ let sheet = "grid";
/** What is drawn in, whether its cells show or not. @type {Grid} */ let grid = modelGrid;
/** What is shown, and the drawing it was read from. @type {{content: Content, reading: Reading} | null} */
let shown = null;
/** What was corrected, by cell, for as long as the cell stays as it is. @type {Map<number, {of: unknown, digit: string}>} */
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
    if (paper.content.picture) boxes.clear();
    live.ask(content, true);
  },
  stroke: (content) => paper.change(content),
  key: keyInCell,
});
const live = new Live(readContent, { reading: showReading, error: showError });
const outbox = new Outbox(showStored);

/** Follows the drawing. */
function follow() {
  const { content } = paper;
  if (content.picture !== shown?.content.picture) boxes.clear();
  pad.show(content).catch((error) => showStatus(error.message, "refused"));
  save(storageKey(), content.picture ? null : { ...grid, cells: content.cells });
  find("undo", HTMLButtonElement).disabled = !paper.canUndo;
  find("redo", HTMLButtonElement).disabled = !paper.canRedo;
  if (["stored", "refused"].includes(text("status").dataset.state ?? "")) showStatus("");
  const isEmpty = isBlank(content);
  for (const id of ["clear", "clear-cell", "save"]) find(id, HTMLButtonElement).disabled = isEmpty;
  text("hint").hidden = !isEmpty;
  if (!isEmpty) return live.ask(content);
  live.forget();
  shown = null;
  boxes.clear();
  result.clear(sheet === "grid");
  attention.clear();
  text("advice").hidden = true;
  announce("");
}

/** Whether it is read as a picture: it is one, or it is drawn without cells. @param {Content} content */
const isPicture = ({ picture }) => picture !== null || sheet !== "grid";

/** The picture that is read. @param {Content} content */
const size = ({ picture }) => picture ?? { width: grid.cols * SIDE, height: grid.rows * SIDE };

/** @param {Content} content */
async function readContent(content) {
  if (content.picture || !isPicture(content)) return read(content);
  return read({ ...content, picture: { ...size(content), file: await png(content, grid) } }, sheet);
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
  if (isPicture(content)) boxes.show(reading, right(), size(content));
  else boxes.clear();
  text("advice").hidden = reading.digits === "";
  text("advice").textContent = canCorrect
    ? "Wrong? Click a digit, or go to it and press the right one."
    : `Only digits in a grid of ${modelGrid.rows} x ${modelGrid.cols} can be corrected here.`;
}

/** Only what lies in the model's own grid can be learnt from. @param {Content} content @param {Reading} reading */
const kind = (content, { layout }) => ({
  isPicture: isPicture(content),
  canCorrect: !isPicture(content) || layout === `${modelGrid.rows}x${modelGrid.cols}`,
});

/**
 * What a digit was read from: a correction holds for as long as that stays. Without cells it is all that is drawn.
 * @param {Content} content @param {number} index
 */
const origin = (content, index) =>
  sheet === "grid" || content.picture ? inCell(content, index) : JSON.stringify(content.cells);

/** What was read, with what was corrected in cells that are as they were. */
function right() {
  if (!shown) return "";
  const { content, reading } = shown;
  return Array.from(reading.digits, (digit, index) => {
    const correction = corrected.get(index);
    return correction && correction.of === origin(content, index) ? correction.digit : digit;
  }).join("");
}

/** @param {string} is what is right */
async function correct(is) {
  if (!shown || is === right()) return;
  const { content, reading } = shown;
  if (!kind(content, reading).canCorrect) return;
  Array.from(is).forEach((digit, index) => corrected.set(index, { of: origin(content, index), digit }));
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
  isPicture(content) ? { picture: await base64(await png(content, grid)) } : { strokes: strokes(content) };

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
    const picture = await opened(file);
    // In a strip one would hardly see it.
    if (sheet === "line") setSheet("auto");
    paper.change({ ...blank(grid), picture });
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
  if (model.rows === modelGrid.rows && model.cols === modelGrid.cols) return;
  setModelGrid(model);
  setSheet(sheet);
}

/** @param {Grid} of */
function setModelGrid({ rows, cols }) {
  modelGrid = { rows, cols };
  text("model-grid").textContent = `${rows} x ${cols} grid`;
  result.setGrid(modelGrid);
}

/** Goes on with what was drawn on a sheet. @param {Sheet} next */
function setSheet(next) {
  sheet = next;
  // What was read before was on another sheet.
  shown = null;
  result.clear(sheet === "grid");
  grid = { grid: modelGrid, line: { rows: 1, cols: 4 }, auto: { rows: 2, cols: 2 } }[next];
  text("count").textContent = next === "grid" ? counted(grid.rows * grid.cols) : "digits";
  text("hint").textContent = HINTS[next];
  text("clear-cell").hidden = next !== "grid";
  find(`sheet-${next}`, HTMLInputElement).checked = true;
  pad.setGrid(grid, next !== "grid");
  save("sheet", next);
  paper.replace(restored());
}

/** The name under which the browser keeps a drawing on this sheet. */
const storageKey = () => (sheet === "grid" ? "drawing" : `drawing-${sheet}`);

/** The drawing that the browser kept, if it is of this grid. @returns {Content} */
function restored() {
  const kept = /** @type {any} */ (load(storageKey()));
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
for (const name of /** @type {Sheet[]} */ (Object.keys(HINTS))) {
  text(`sheet-${name}`).addEventListener("change", () => setSheet(name));
}
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
setModelGrid(modelGrid);
const kept = load("sheet");
setSheet(kept === "line" || kept === "auto" ? kept : "grid");
learnModel();
performance.mark("interactive");
