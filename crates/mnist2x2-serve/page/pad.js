// @ts-check
/** The cells that one draws in: strokes from mouse, touch and pen, and the picture that they make. */

import { make, step } from "./dom.js";
import { PEN, SIDE, blank, position, withCell } from "./document.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./document.js").Picture} Picture */
/** @typedef {import("./document.js").Point} Point */
/** @typedef {import("./document.js").Stroke} Stroke */

/** Points nearer than this to the one before add nothing. */
const NEAR = 1.5;

/**
 * @param {number} value @param {number} low @param {number} high
 */
const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** @param {Point} a @param {Point} b */
const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/**
 * The cell that most of a stroke lies in.
 * @param {Stroke} stroke in the pad's coordinates @param {Grid} grid
 */
export function cellOf(stroke, { rows, cols }) {
  const lengths = new Array(rows * cols).fill(0);
  stroke.forEach((point, i) => {
    const before = stroke[Math.max(0, i - 1)];
    const [x, y] = [(point[0] + before[0]) / 2, (point[1] + before[1]) / 2];
    const row = clamp(Math.floor(y / SIDE), 0, rows - 1);
    const col = clamp(Math.floor(x / SIDE), 0, cols - 1);
    // A dot has no length, and still a place.
    lengths[row * cols + col] += distance(point, before) + 1e-6;
  });
  return lengths.indexOf(Math.max(...lengths));
}

/**
 * A stroke seen from a cell.
 * @param {Stroke} stroke in the pad's coordinates @param {number} index @param {Grid} grid @returns {Stroke}
 */
export function within(stroke, index, { cols }) {
  const [left, top] = [(index % cols) * SIDE, Math.floor(index / cols) * SIDE];
  const rounded = (/** @type {number} */ value) => Math.round(10 * value) / 10;
  return stroke.map(([x, y]) => [rounded(x - left), rounded(y - top)]);
}

/**
 * Draws the strokes of each cell as a round pen would, through the middles between points.
 * @param {CanvasRenderingContext2D} context whose unit is that of the points @param {Content} content @param {Grid} grid
 */
export function drawStrokes(context, { cells }, { cols }) {
  Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  cells.forEach((strokes, index) => {
    const [left, top] = [(index % cols) * SIDE, Math.floor(index / cols) * SIDE];
    for (const stroke of strokes) {
      const points = stroke.map(([x, y]) => [x + left, y + top]);
      context.beginPath();
      context.moveTo(points[0][0], points[0][1]);
      for (let i = 1; i < points.length - 1; i++) {
        const [[x, y], [nextX, nextY]] = [points[i], points[i + 1]];
        context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
      }
      const [x, y] = points[points.length - 1];
      context.lineTo(x, y);
      context.stroke();
    }
  });
}

/** The longest side of a picture that is kept to be shown, in pixels. */
const MAX_SHOWN = 2048;

/** A picture as the server turns it: by the note of the camera. @param {Blob} file */
export const upright = (file) => createImageBitmap(file, { imageOrientation: "from-image" });

/** A picture no larger than it is shown: a camera's takes 200 MB of memory. @param {Blob} file */
async function reduced(file) {
  const whole = await upright(file);
  if (Math.max(whole.width, whole.height) <= MAX_SHOWN) return whole;
  const side = whole.width > whole.height ? { resizeWidth: MAX_SHOWN } : { resizeHeight: MAX_SHOWN };
  const small = await createImageBitmap(whole, { ...side, resizeQuality: "medium" });
  whole.close();
  return small;
}

/**
 * Where a picture lies in a frame: as large as it fits, in the middle.
 * @param {{width: number, height: number}} picture @param {number} width @param {number} height of the frame
 */
export function fit(picture, width, height) {
  const scale = Math.min(width / picture.width, height / picture.height);
  const [w, h] = [scale * picture.width, scale * picture.height];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}

/**
 * Draws a picture as large as it fits, in the middle.
 * @param {CanvasRenderingContext2D} context @param {ImageBitmap} picture @param {number} width @param {number} height
 */
export function drawPicture(context, picture, width, height) {
  const place = fit(picture, width, height);
  context.drawImage(picture, place.left, place.top, place.width, place.height);
}

export class Pad {
  /** @type {Grid} */ #grid = { rows: 2, cols: 2 };
  #content = blank(this.#grid);
  /** @type {ImageBitmap | null} */ #picture = null;
  /** @type {{id: number, type: string, stroke: Stroke} | null} */ #pen = null;
  /** @type {HTMLElement[]} */ #cells = [];
  /** The cell that was drawn in last, or chosen by key. */
  active = 0;

  /**
   * @param {HTMLCanvasElement} canvas @param {HTMLElement} box that holds the cells
   * @param {object} on
   * @param {(content: Content) => void} on.draft  the drawing with the stroke that is being drawn
   * @param {(content: Content) => void} on.stroke  the drawing with one stroke more
   * @param {(index: number, key: string) => boolean} on.key  in a cell; true if it meant something
   */
  constructor(canvas, box, on) {
    this.canvas = canvas;
    this.box = box;
    this.on = on;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#up(/** @type {PointerEvent} */ (event)));
    }
    new ResizeObserver(() => this.#paint()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#paint());
    box.addEventListener("keydown", (event) => this.#key(event));
    box.addEventListener("focusin", ({ target }) => {
      this.#activate(this.#cells.indexOf(/** @type {HTMLElement} */ (target)));
    });
  }

  /** @param {Grid} grid @param {boolean} isOpen whether its cells do not show and mean nothing */
  setGrid(grid, isOpen) {
    this.#grid = grid;
    this.box.classList.toggle("open", isOpen);
    this.#content = blank(grid);
    // The style sheet knows the usual grid; another is set here, where no policy forbids it.
    const { style } = /** @type {HTMLElement} */ (this.canvas.parentElement);
    style.setProperty("--rows", String(grid.rows));
    style.setProperty("--cols", String(grid.cols));
    this.#cells = this.#content.cells.map(() => make("div", { class: "cell", role: "group", tabindex: 0 }));
    this.box.replaceChildren(...this.#cells);
    this.#activate(0);
    this.#label();
  }

  /** @param {Content} content */
  async show(content) {
    this.#content = content;
    this.#label();
    this.box.classList.toggle("covered", content.picture !== null);
    if (!content.picture) this.#picture = null;
    this.#paint();
    if (!content.picture) return;
    const picture = await reduced(content.picture.file);
    if (this.#content !== content) return;
    this.#picture = picture;
    this.#paint();
  }

  #label() {
    const kind = this.box.classList.contains("open") ? "Place" : "Cell";
    this.#cells.forEach((cell, index) => {
      const count = this.#content.cells[index].length;
      const state = this.#content.picture ? "part of a picture" : ["empty", "1 stroke"][count] ?? `${count} strokes`;
      cell.setAttribute("aria-label", `${kind} ${index + 1}, ${position(index, this.#grid)}: ${state}`);
    });
  }

  /** @param {number} index */
  #activate(index) {
    if (index < 0) return;
    this.active = index;
    this.#cells.forEach((cell, i) => cell.classList.toggle("active", i === index));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.#cells.indexOf(/** @type {HTMLElement} */ (event.target));
    const by = step(event.key, index, this.#cells.length, this.#grid.cols);
    if (by !== 0) this.#cells[index + by].focus();
    if (by !== 0 || this.on.key(index, event.key)) event.preventDefault();
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const isFirst = this.#pen === null || (event.pointerType === "pen" && this.#pen.type === "touch");
    if (!event.isPrimary || event.buttons !== 1 || !isFirst) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.#pen = { id: event.pointerId, type: event.pointerType, stroke: [] };
    this.#extend(event);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (event.pointerId !== this.#pen?.id) return;
    // Some browsers give no events between two frames, and some none at all.
    const between = event.getCoalescedEvents?.() ?? [];
    this.#extend(...(between.length > 0 ? between : [event]));
  }

  /** @param {PointerEvent} event */
  #up(event) {
    if (event.pointerId !== this.#pen?.id) return;
    const content = this.#drafted();
    this.#pen = null;
    this.#activate(content.cells.findIndex((cell, index) => cell !== this.#content.cells[index]));
    this.on.stroke(content);
  }

  /** @param {...PointerEvent} events */
  #extend(...events) {
    if (!this.#pen) return;
    const { stroke } = this.#pen;
    const box = this.canvas.getBoundingClientRect();
    const { rows, cols } = this.#grid;
    for (const { clientX, clientY } of events) {
      const x = clamp((clientX - box.left) / box.width, 0, 1) * cols * SIDE;
      const y = clamp((clientY - box.top) / box.height, 0, 1) * rows * SIDE;
      if (stroke.length === 0 || distance([x, y], stroke[stroke.length - 1]) >= NEAR) stroke.push([x, y]);
    }
    this.#paint();
    this.on.draft(this.#drafted());
  }

  /** The drawing with the stroke that is being drawn, which takes the place of a picture. @returns {Content} */
  #drafted() {
    if (!this.#pen) return this.#content;
    const base = this.#content.picture ? blank(this.#grid) : this.#content;
    const index = cellOf(this.#pen.stroke, this.#grid);
    return withCell(base, index, [...base.cells[index], within(this.#pen.stroke, index, this.#grid)]);
  }

  #paint() {
    const { canvas } = this;
    const { rows, cols } = this.#grid;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser draws no pictures");
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    // Setting the size also clears, which costs more than clearing.
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.resetTransform();
    context.clearRect(0, 0, width, height);
    context.scale(width / (cols * SIDE), height / (rows * SIDE));
    const content = this.#drafted();
    if (content.picture && this.#picture) drawPicture(context, this.#picture, cols * SIDE, rows * SIDE);
    context.strokeStyle = getComputedStyle(canvas).color;
    drawStrokes(context, content, this.#grid);
  }
}
