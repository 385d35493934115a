// @ts-check
/** What was read: the digits, how sure the model is of each, what else it might be, and how to correct it. */

import { make, percent, step } from "./dom.js";
import { position } from "./document.js";

/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./reader.js").Reading} Reading */

/** The most sequences shown beside the answer. */
const MAX_OTHERS = 4;
/** What is less likely is not shown: it would be 0.0 %. */
const LEAST = 0.001;
/** A digit of less confidence is shown as unsure. */
const SURE_FROM = 0.8;

/** @param {string} digit */
const spoken = (digit) => (digit === "_" ? "empty" : digit);

/**
 * Everything that was read, as one would say it.
 * @param {Reading} reading @param {string} right with what was corrected
 */
export const sentence = (reading, right) =>
  `Read ${Array.from(right, spoken).join(", ")}. ${percent(reading.confidence)} sure.`;

/** A tile for each cell's digit. Pressing 0 to 9 on one corrects it, and so does its picker. */
export class Result {
  /** @type {Grid} */ #grid = { rows: 2, cols: 2 };
  /** @type {HTMLButtonElement[]} */ #tiles = [];
  /** The tile whose picker is open. @type {number | null} */ #open = null;
  /** What is shown; empty while nothing is. */ #right = "";

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
      const tile = target instanceof Element && target.closest("button");
      if (tile) this.#toggle(this.#tiles.indexOf(tile));
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
    this.#tiles = Array.from({ length: grid.rows * grid.cols }, () =>
      make("button", { type: "button", class: "tile", "aria-controls": this.parts.picker.id }));
    this.parts.digits.replaceChildren(...this.#tiles.map((tile) => make("li", {}, tile)));
    this.clear();
  }

  /** Shows that nothing has been read. */
  clear() {
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

  /** @param {Reading} reading @param {string} right with what was corrected */
  show(reading, right) {
    this.parts.sure.textContent = `${percent(reading.confidence)} sure of all`;
    this.#tiles.forEach((tile, index) => {
      const { confidence } = reading.cells[index];
      const [was, is] = [reading.digits[index], right[index]];
      const note = was !== is ? `was ${spoken(was)}` : is === "_" ? "empty" : percent(confidence);
      tile.removeAttribute("aria-disabled");
      tile.className = "tile";
      tile.classList.toggle("corrected", was !== is);
      tile.classList.toggle("unsure", was === is && is !== "_" && confidence < SURE_FROM);
      this.#fill(tile, index, is === "_" ? "" : is, note, was === is && is !== "_" ? confidence : 0);
    });
    this.#right = right;
    this.#showOthers(reading);
    this.#mark();
  }

  /**
   * @param {HTMLButtonElement} tile @param {number} index
   * @param {string} digit @param {string} note @param {number} share of the bar
   */
  #fill(tile, index, digit, note, share) {
    const place = make("span", { class: "hidden" }, `, ${position(index, this.#grid)}`);
    const bar = make("i", { "aria-hidden": "true" });
    bar.style.setProperty("--share", String(share));
    tile.replaceChildren(make("b", {}, digit), bar, make("span", { class: "note" }, note), place);
    tile.setAttribute("aria-expanded", String(this.#open === index));
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
    const index = this.#tiles.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const by = step(event.key, index, this.#tiles.length, this.#tiles.length);
    if (by !== 0) this.#tiles[index + by].focus();
    else if (/^\d$/.test(event.key)) this.#correct(index, event.key);
    else if (event.key === "Delete" || event.key === "Backspace") this.#correct(index, "_");
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
  }

  /** @param {number} index */
  #toggle(index) {
    const isOpen = this.#open === index;
    this.#close(false);
    if (isOpen || !this.#right) return;
    this.#open = index;
    this.#tiles[index].setAttribute("aria-expanded", "true");
    this.parts.picker.setAttribute("aria-label", `The digit ${position(index, this.#grid)} is`);
    this.parts.picker.hidden = false;
    this.#mark();
  }

  /** Marks what stands now. */
  #mark() {
    if (this.#open === null) return;
    for (const button of this.parts.picker.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.digit === this.#right[this.#open]));
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
    tile.setAttribute("aria-expanded", "false");
    if (returns) tile.focus();
  }
}
