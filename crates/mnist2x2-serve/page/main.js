// @ts-check
/** Puts the page together: what is drawn is read, what was read is shown, what is wrong can be corrected. */

import { Outbox } from "./corrections.js";
import { counted, find } from "./dom.js";
import { Document, SIDE, blank, isBlank, withCell } from "./document.js";
import { AttentionView } from "./attention.js";
import { Boxes } from "./boxes.js";
import { Live } from "./live.js";
import { Marks } from "./marks.js";
import { Pad } from "./pad.js";
import { base64, download, opened, pictureIn, png } from "./picture.js";
import { describe, found, read, strokes } from "./reader.js";
import { Result, sentence } from "./result.js";
import { sample, samples } from "./samples.js";
import { load, save } from "./storage.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./marks.js").Shown} Shown */
/** @typedef {import("./reader.js").Reading} Reading */
/** @typedef {"grid" | "line" | "auto"} Sheet  the model's grid; or one without cells, read as a picture of that layout */

/** The time after which what was read is said aloud, so that a drawing in progress is not. */
const ANNOUNCE_DELAY = 700;

/** What is written on an empty sheet. @type {Record<Sheet, string>} */
const HINTS = { grid: "one digit in each cell", line: "digits in one row", auto: "digits anywhere" };

/** What the model reads. @type {Grid} */ let modelGrid = { rows: 2, cols: 2 };
/** @type {Sheet} */ let sheet = "grid";
/** What is drawn in, whether its cells show or not. @type {Grid} */ let grid = modelGrid;
/** What is shown, and the drawing it was read from. @type {Shown | null} */
let shown = null;
const marks = new Marks();
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
const boxes = new Boxes(text("boxes"), (index) => result.choose(index));
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
  const isGrid = !isPicture(content) || reading.layout === `${modelGrid.rows}x${modelGrid.cols}`;
  shown = { content, reading, isPicture: isPicture(content), isGrid };
  if (content === paper.content && marks.carry(shown)) {
    withdraw();
    store(shown);
  }
  show();
  attention.show(reading);
  announce(sentence(shown, marks.right(shown)));
  if (reading.model !== digest) describeModel();
}

function show() {
  if (!shown) return;
  const { content, reading } = shown;
  const right = marks.right(shown);
  result.show(shown, right);
  if (shown.isPicture) boxes.show(reading, right, size(content), content.picture !== null);
  else boxes.clear();
  text("advice").hidden = reading.digits === "";
}

/** @param {string} right */
function correct(right) {
  if (!shown || right === marks.right(shown)) return;
  marks.set(shown, right, shown.content !== paper.content);
  show();
  store(shown);
}

/** Keeps what is right of a reading, or forgets it if nothing was wrong. @param {Shown} of */
async function store(of) {
  const { content, reading } = of;
  const right = marks.right(of);
  if (correcting.content !== content) correcting = { content, key: null, right: "" };
  const mine = correcting;
  mine.right = right;
  // What was sent already can only be corrected once more.
  if (right === reading.digits && (mine.key === null || outbox.withdraw(mine.key))) return showStatus("");
  const drawn = await (mine.drawn ??= drawing(of));
  // Meanwhile another digit may have been corrected.
  if (mine.right !== right) return;
  const [was, is] = [reading.digits, right].map((digits) => corrigible(of, digits));
  mine.key = outbox.add({ model: reading.model, read: was, right: is, ...drawn, source: "page" }, mine.key);
}

/** Forgets a correction that another takes the place of, unless it is on its way. */
function withdraw() {
  correcting.right = "";
  if (correcting.key) outbox.withdraw(correcting.key);
}

/** The digits that a correction is of: of any arrangement but the model's grid, those that were found. @param {Shown} of @param {string} digits */
const corrigible = ({ isGrid, reading }, digits) =>
  isGrid ? digits : Array.from(digits).filter((_, index) => reading.cells[index].box).join("");

/** What was read as a correction holds it. @param {Shown} of */
async function drawing({ content, reading, isPicture, isGrid }) {
  if (!isGrid) return { found: await base64(found(reading)) };
  return isPicture ? { picture: await base64(await png(content, grid)) } : { strokes: strokes(content) };
}

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

async function describeModel() {
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
// The page without a server says so when another model reads.
document.addEventListener("model", () => {
  describeModel();
  follow();
});

paper.addEventListener("change", follow);
setModelGrid(modelGrid);
const kept = load("sheet");
setSheet(kept === "line" || kept === "auto" ? kept : "grid");
describeModel();
performance.mark("interactive");
