// @ts-check
/** The picture that the model was given, and its attention to each patch while it wrote each digit. */

import { make, percent, step } from "./dom.js";

/** @typedef {import("./reader.js").Reading} Reading */
/** @typedef {import("./reader.js").InputImage} InputImage */
/** @typedef {{digit: string, weights: number[]}} AttentionMap */
/** @typedef {{rows: number, cols: number}} Patches */

/** How much of the ground the brightest patch hides. */
const MAX_COVER = 0.8;
const ORDINALS = ["1st", "2nd", "3rd"];

/** @param {number} index */
const ordinal = (index) => ORDINALS[index] ?? `${index + 1}th`;

/**
 * The attention maps with the digits that they belong to: one for each cell, or for each that is not empty.
 * @param {Reading} reading @returns {AttentionMap[]}
 */
export function attentionMaps({ digits, attention = [] }) {
  const all = Array.from(digits);
  const written = attention.length === all.length ? all : all.filter((digit) => digit !== "_");
  return attention.map((weights, index) => ({ digit: written[index] ?? "_", weights }));
}

/**
 * How many patches stand in a column and a row, if they are square.
 * @param {number} count @param {InputImage} seen @returns {Patches}
 */
export function patches(count, { width, height }) {
  const cols = Math.max(1, Math.round(Math.sqrt((count * width) / height)));
  return { rows: Math.ceil(count / cols), cols };
}

export class AttentionView {
  /** @type {AttentionMap[]} */ #maps = [];
  /** @type {Patches} */ #patches = { rows: 0, cols: 0 };

  /**
   * @param {object} parts
   * @param {HTMLElement} parts.section @param {HTMLElement} parts.maps @param {HTMLElement} parts.patch
   * @param {HTMLElement} parts.most @param {HTMLElement} parts.weights
   */
  constructor(parts) {
    this.parts = parts;
    for (const point of ["pointerover", "pointerdown", "focusin"]) {
      parts.maps.addEventListener(point, ({ target }) => this.#tell(/** @type {HTMLElement} */ (target)));
    }
    parts.maps.addEventListener("keydown", (event) => this.#key(event));
  }

  clear() {
    this.parts.section.hidden = true;
  }

  /** @param {Reading} reading */
  show(reading) {
    const { seen } = reading;
    // Digits of other arrangements are not read in one look.
    this.parts.section.hidden = !seen || !reading.attention;
    if (!seen || !reading.attention) return;
    this.#maps = attentionMaps(reading);
    const { rows, cols } = patches(this.#maps[0]?.weights.length ?? 1, seen);
    const { maps } = this.parts;
    const isSameForm = maps.childElementCount === this.#maps.length + 1
      && rows === this.#patches.rows && cols === this.#patches.cols;
    this.#patches = { rows, cols };
    // Filling what is there keeps the focus where it is.
    if (!isSameForm) maps.replaceChildren(this.#figure(null), ...this.#maps.map((_, index) => this.#figure(index)));
    const most = Math.max(0, ...this.#maps.flatMap(({ weights }) => weights));
    this.parts.most.textContent = percent(most);
    for (const canvas of maps.querySelectorAll("canvas")) paint(canvas, seen);
    [...maps.children].slice(1).forEach((figure, index) => this.#fill(figure, this.#maps[index], index, most));
    this.#table();
  }

  /** @param {number | null} index of the attention map, or none for the picture alone */
  #figure(index) {
    const canvas = make("canvas", { "aria-hidden": "true" });
    if (index === null) {
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", "The picture that the model was given");
      canvas.removeAttribute("aria-hidden");
      return make("figure", {}, make("div", { class: "map" }, canvas), make("figcaption", {}, "the picture"));
    }
    const rows = Array.from({ length: this.#patches.rows }, (_, row) => {
      const cells = Array.from({ length: this.#patches.cols }, (_, col) =>
        make("div", { role: "gridcell", class: "patch", tabindex: row + col === 0 ? 0 : -1 }));
      return make("div", { role: "row" }, ...cells);
    });
    const grid = make("div", { role: "grid" }, ...rows);
    return make("figure", {}, make("div", { class: "map" }, canvas, grid), make("figcaption"));
  }

  /** @param {Element} figure @param {AttentionMap} map @param {number} index @param {number} most */
  #fill(figure, { digit, weights }, index, most) {
    const name = `${ordinal(index)} digit: ${digit === "_" ? "empty" : digit}`;
    /** @type {Element} */ (figure.querySelector("figcaption")).textContent = name;
    figure.querySelector("[role=grid]")?.setAttribute("aria-label", `Attention, ${name}`);
    figure.querySelectorAll(".patch").forEach((patch, place) => {
      const cell = /** @type {HTMLElement} */ (patch);
      const weight = weights[place] ?? 0;
      cell.style.setProperty("--cover", String(most > 0 ? (MAX_COVER * weight) / most : 0));
      cell.setAttribute("aria-label", `${this.#place(place)}: ${percent(weight, 1)}`);
    });
  }

  /** @param {number} place */
  #place(place) {
    const { cols } = this.#patches;
    return `row ${Math.floor(place / cols) + 1}, column ${(place % cols) + 1}`;
  }

  /** Says the share of the patch that is pointed at. @param {HTMLElement} patch */
  #tell(patch) {
    if (!patch.classList.contains("patch")) return;
    const name = patch.closest("figure")?.querySelector("figcaption")?.textContent ?? "";
    this.parts.patch.textContent = `${name}; patch in ${patch.getAttribute("aria-label")}`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const patch = /** @type {HTMLElement} */ (event.target);
    const all = /** @type {HTMLElement[]} */ ([...(patch.closest("[role=grid]")?.querySelectorAll(".patch") ?? [])]);
    const index = all.indexOf(patch);
    const by = index < 0 ? 0 : step(event.key, index, all.length, this.#patches.cols);
    if (by === 0) return;
    event.preventDefault();
    patch.tabIndex = -1;
    all[index + by].tabIndex = 0;
    all[index + by].focus();
  }

  #table() {
    const heads = this.#maps.map(({ digit }, index) =>
      make("th", { scope: "col" }, `${ordinal(index)}: ${digit === "_" ? "empty" : digit}`));
    const { cols } = this.#patches;
    const rows = this.#maps[0]?.weights.map((_, place) => {
      const cells = this.#maps.map(({ weights }) => make("td", {}, percent(weights[place], 1)));
      return make("tr", {}, make("th", { scope: "row" }, `${Math.floor(place / cols) + 1}, ${(place % cols) + 1}`), ...cells);
    });
    const head = make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "row, column"), ...heads));
    this.parts.weights.replaceChildren(head, make("tbody", {}, ...(rows ?? [])));
  }
}

/** One pixel of the canvas for each that the model was given. @param {HTMLCanvasElement} canvas @param {InputImage} seen */
function paint(canvas, { width, height, pixels }) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  const image = new ImageData(width, height);
  pixels.forEach((gray, index) => image.data.set([gray, gray, gray, 255], 4 * index));
  context?.putImageData(image, 0, 0);
}
