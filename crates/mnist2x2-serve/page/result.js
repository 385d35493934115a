// @ts-check
/** What was read: the digits, how sure the model is of each, what else it might be, and how to correct it. */

import { make, percent, step } from "./dom.js";
import { position, positions } from "./document.js";

/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./marks.js").Shown} Shown */
/** @typedef {import("./reader.js").Cell} Cell */
/** @typedef {import("./reader.js").Reading} Reading */

/** The most sequences shown beside the answer. */
const MAX_OTHERS = 4;
/** What is less likely is not shown: it would be 0.0 %. */
const LEAST = 0.001;
/** A digit of less confidence is shown as unsure. */
export const SURE_FROM = 0.8;

/** @param {string} digit @param {Cell} [cell] where it was found */
const spoken = (digit, cell) => (digit !== "_" ? digit : cell?.box ? "no digit" : "empty");

/** What is said of a picture without digits. */
const NONE = "No digits were found.";

/** What is said in place of how sure the model is of a picture. @param {Reading} reading */
const unsure = ({ confidence }) => `Not sure: ${percent(confidence)}`;

/**
 * Everything that was read, as one would say it.
 * @param {Shown} shown @param {string} right with what was corrected
 */
export function sentence({ reading, isPicture }, right) {
  if (right === "") return NONE;
  const all = Array.from(right, (digit, index) => spoken(digit, reading.cells[index]));
  const lines = reading.lines.map(({ length }) => all.splice(0, length).join(", "));
  const sure = isPicture && !reading.sure ? unsure(reading) : `${percent(reading.confidence)} sure`;
  return `Read ${lines.join(isPicture ? "; " : ", ")}. ${sure}.`;
}

/**
 * A tile for each digit, in the model's grid or in the lines that were found. Pressing 0 to 9 on one corrects it, and so does
 * its picker. Where nothing was found, in a cell of another grid, there is nothing to correct.
 */
export class Result {
  /** @type {Grid} */ #grid = { rows: 2, cols: 2 };
  /** @type {HTMLElement[]} */ #tiles = [];
  /** Where each tile's digit stands. @type {string[]} */ #places = [];
  /** The lines and the layout that the tiles stand in. */ #form = "";
  /** The tile whose picker is open. @type {number | null} */ #open = null;
  /** What is shown; empty while nothing is. */ #right = "";
  /** Whether it was read from a picture. */ #isPicture = false;

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.digits @param {HTMLElement} parts.picker
   * @param {HTMLElement} parts.others @param {HTMLElement} parts.sure
   * @param {(right: string) => void} onCorrect  with all digits as they are right, `_` for an empty cell
   */
  constructor(parts, onCorrect) {
    this.parts = parts;
    this.onCorrect = onCorrect;
    parts.digits.addEventListener("keydown", (event) => this.#key(event));
    parts.digits.addEventListener("click", ({ target }) => {
      // The picker may stand among them.
      const tile = target instanceof Element && target.closest("button.tile");
      if (tile instanceof HTMLElement) this.#toggle(this.#tiles.indexOf(tile));
    });
    for (const digit of "0123456789_") {
      const button = make("button", { type: "button", "data-digit": digit }, spoken(digit));
      button.addEventListener("click", () => this.#pick(digit));
      parts.picker.append(button);
    }
    parts.picker.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.#close();
      else if (/^\d$/.test(key)) this.#pick(key);
    });
  }

  /** @param {Grid} grid */
  setGrid(grid) {
    this.#grid = grid;
    this.#form = "";
    this.clear();
  }

  /** The tiles for the cells of the grid, which can be corrected. */
  #standInGrid() {
    const { rows, cols } = this.#grid;
    if (!this.#isOther(`${rows}x${cols}`)) return;
    this.#places = Array.from({ length: rows * cols }, (_, index) => position(index, this.#grid));
    this.#tiles = this.#places.map(() => this.#button());
    this.parts.digits.replaceChildren(...this.#tiles.map((tile) => make("li", {}, tile)));
    this.parts.digits.classList.remove("lines");
  }

  #button() {
    return make("button", { type: "button", class: "tile", "aria-controls": this.parts.picker.id });
  }

  /** The tiles in the lines that were found, or that there are none. @param {Reading} reading */
  #standInLines({ lines, layout, cells, seen }) {
    const found = cells.map(({ box }) => box !== undefined && seen !== undefined);
    if (!this.#isOther([layout, ...lines.map(({ length }) => length), ...found].join())) return;
    this.#places = positions(lines, layout);
    this.#tiles = found.map((isFound) => (isFound ? this.#button() : make("div", { class: "tile" })));
    const left = [...this.#tiles];
    const items = lines.map(({ length }) => make("li", {}, ...left.splice(0, length)));
    this.parts.digits.replaceChildren(...(items.length > 0 ? items : [make("li", { class: "none" }, NONE)]));
    this.parts.digits.classList.add("lines");
  }

  /** Filling tiles that are there keeps the focus where it is. @param {string} form */
  #isOther(form) {
    if (form === this.#form) return false;
    this.#close(false);
    this.#form = form;
    return true;
  }

  /** Shows that nothing has been read. @param {boolean} [hasCells] whether there are cells to be read */
  clear(hasCells = true) {
    if (hasCells) this.#standInGrid();
    else if (this.#isOther("nothing")) {
      this.#tiles = [];
      this.parts.digits.replaceChildren();
    }
    this.#close(false);
    this.#right = "";
    this.parts.sure.textContent = "";
    this.parts.others.replaceChildren();
    this.#tiles.forEach((tile, index) => {
      // Not disabled, which would lose the focus.
      tile.setAttribute("aria-disabled", "true");
      tile.className = "tile";
      this.#fill(tile, index, "", "empty", 0);
    });
  }

  /** @param {Shown} shown @param {string} right with what was corrected */
  show({ reading, isPicture, isGrid }, right) {
    if (isGrid) this.#standInGrid();
    else this.#standInLines(reading);
    const isSure = !isPicture || reading.sure;
    this.parts.sure.textContent = isSure ? `${percent(reading.confidence)} sure of all` : right && unsure(reading);
    this.parts.sure.classList.toggle("unsure", !isSure);
    this.#tiles.forEach((tile, index) => {
      const cell = reading.cells[index];
      const { confidence } = cell;
      const [was, is] = [reading.digits[index], right[index]];
      const note = was !== is ? `was ${spoken(was, cell)}` : is === "_" ? spoken(is, cell) : percent(confidence);
      tile.removeAttribute("aria-disabled");
      tile.className = "tile";
      tile.classList.toggle("corrected", was !== is);
      tile.classList.toggle("unsure", was === is && is !== "_" && confidence < SURE_FROM);
      const change = was !== is && is === "_" ? `, now ${spoken(is, cell)}` : "";
      this.#fill(tile, index, is === "_" ? "" : is, note, was === is && is !== "_" ? confidence : 0, change);
    });
    [this.#right, this.#isPicture] = [right, isPicture];
    this.#showOthers(reading);
    this.#mark();
  }

  /**
   * @param {HTMLElement} tile @param {number} index
   * @param {string} digit @param {string} note @param {number} share of the bar @param {string} change  that cannot be seen
   */
  #fill(tile, index, digit, note, share, change = "") {
    const place = make("span", { class: "hidden" }, `${change}, ${this.#places[index]}`);
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.setProperty("--share", String(share));
    tile.replaceChildren(make("b", {}, digit), bar, make("span", { class: "note" }, note), place);
    if (tile instanceof HTMLButtonElement) tile.setAttribute("aria-expanded", String(this.#open === index));
  }

  /** @param {Reading} reading */
  #showOthers({ alternatives }) {
    const others = alternatives
      .filter(({ digits, confidence }) => digits !== this.#right && confidence >= LEAST).slice(0, MAX_OTHERS);
    this.parts.others.replaceChildren(...others.map(({ digits, confidence }) => {
      const bar = make("i", { "aria-hidden": "true" });
      bar.style.setProperty("--share", String(confidence));
      const button = make("button", { type: "button", title: "This one is right" },
        make("b", {}, digits), bar, make("span", {}, percent(confidence, 1)));
      button.addEventListener("click", () => {
        this.onCorrect(digits);
        this.#tiles[0].focus();
      });
      return make("li", {}, button);
    }));
  }

  /** @param {number} index @param {string} digit */
  #correct(index, digit) {
    if (this.#right) this.onCorrect(Array.from(this.#right).with(index, digit).join(""));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const tile = /** @type {HTMLElement} */ (event.target);
    const index = this.#tiles.indexOf(tile);
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const buttons = this.#tiles.filter((tile) => tile.matches("button"));
    const place = buttons.indexOf(tile);
    const by = step(event.key, place, buttons.length, buttons.length);
    if (by !== 0) buttons[place + by].focus();
    else if (/^\d$/.test(event.key)) this.#correct(index, event.key);
    else if (event.key === "Delete" || event.key === "Backspace") this.#correct(index, "_");
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
  }

  /** Goes to a digit and lets one correct it. @param {number} index */
  choose(index) {
    if (!this.#tiles[index]?.matches("button")) return;
    this.#tiles[index].focus();
    if (this.#open !== index) this.#toggle(index);
  }

  /** @param {number} index */
  #toggle(index) {
    const isOpen = this.#open === index;
    this.#close(false);
    if (isOpen || !this.#right) return;
    this.#open = index;
    // Beside the digit's line: on a telephone the last line may be out of sight.
    this.#tiles[index].closest(".lines > li")?.append(this.parts.picker);
    this.#tiles[index].setAttribute("aria-expanded", "true");
    this.parts.picker.setAttribute("aria-label", `The digit ${this.#places[index]} is`);
    this.parts.picker.hidden = false;
    this.parts.picker.scrollIntoView({ block: "nearest" });
    this.#mark();
  }

  /** Marks what stands now. */
  #mark() {
    if (this.#open === null) return;
    for (const button of this.parts.picker.querySelectorAll("button")) {
      const { digit = "" } = button.dataset;
      if (digit === "_") button.textContent = this.#isPicture ? "no digit" : spoken(digit);
      button.setAttribute("aria-pressed", String(digit === this.#right[this.#open]));
    }
  }

  /** @param {string} digit */
  #pick(digit) {
    if (this.#open !== null) this.#correct(this.#open, digit);
    this.#close();
  }

  /** @param {boolean} [returns] whether the focus goes back to the tile */
  #close(returns = true) {
    if (this.#open === null) return;
    const tile = this.#tiles[this.#open];
    this.#open = null;
    this.parts.picker.hidden = true;
    this.parts.digits.after(this.parts.picker);
    tile.setAttribute("aria-expanded", "false");
    if (returns) tile.focus();
  }
}
