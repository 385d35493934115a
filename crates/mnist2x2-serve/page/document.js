// @ts-check
/** What is drawn: values that never change once made, and the history that leads from one to the next. */

/** @typedef {[number, number]} Point  x to the right and y down, from the upper left corner of a cell */
/** @typedef {Point[]} Stroke */
/** @typedef {{rows: number, cols: number}} Grid */
/** @typedef {{file: Blob, width: number, height: number}} Picture  its pixels are counted when it stands upright */
/** @typedef {{cells: Stroke[][], picture: Picture | null}} Content  strokes by cell, row by row; or a picture */

/** The side of a cell, in the unit of all points. */
export const SIDE = 280;
/** The width of the pen in the same unit: 8.5 % of a cell makes digits as bold as MNIST's. */
export const PEN = 24;

/** @param {Grid} grid @returns {Content} */
export const blank = ({ rows, cols }) => ({ cells: Array.from({ length: rows * cols }, () => []), picture: null });

/** @param {Content} content */
export const isBlank = ({ cells, picture }) => picture === null && cells.every((cell) => cell.length === 0);

/** @param {Content} content @param {number} index @param {Stroke[]} strokes @returns {Content} */
export const withCell = ({ cells }, index, strokes) => ({ cells: cells.with(index, strokes), picture: null });

/**
 * What stands in a cell. The same value comes back for as long as nobody touches the cell.
 * @param {Content} content @param {number} index
 */
export const inCell = ({ cells, picture }, index) => picture ?? cells[index];

/**
 * Where a cell is, for people.
 * @param {number} index @param {Grid} grid
 */
export function position(index, { rows, cols }) {
  const [row, col] = [Math.floor(index / cols), index % cols];
  if (rows === 2 && cols === 2) return `${["upper", "lower"][row]} ${["left", "right"][col]}`;
  return `row ${row + 1}, column ${col + 1}`;
}

/**
 * Where each digit of these lines stands, for people.
 * @param {string[]} lines @param {string} layout as the API names it @returns {string[]}
 */
export function positions(lines, layout) {
  const cols = lines[0]?.length ?? 0;
  const name = (/** @type {number} */ row, /** @type {number} */ col) => {
    if (/^\d+x\d+$/.test(layout)) return position(row * cols + col, { rows: lines.length, cols });
    return lines.length === 1 ? `digit ${col + 1}` : `line ${row + 1}, digit ${col + 1}`;
  };
  return lines.flatMap((line, row) => Array.from(line, (_, col) => name(row, col)));
}

/** A drawing with its past and, after an undo, its future. It says "change" whenever its content is another. */
export class Document extends EventTarget {
  /** @type {Content[]} */ #past = [];
  /** @type {Content[]} */ #future = [];
  /** @type {Content} */ content;

  /** @param {Content} content */
  constructor(content) {
    super();
    this.content = content;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** @param {Content} content */
  change(content) {
    this.#past.push(this.content);
    this.#future = [];
    this.#become(content);
  }

  undo() {
    const content = this.#past.pop();
    if (!content) return;
    this.#future.push(this.content);
    this.#become(content);
  }

  redo() {
    const content = this.#future.pop();
    if (!content) return;
    this.#past.push(this.content);
    this.#become(content);
  }

  /** Begins anew, with no way back: for a grid of other cells. @param {Content} content */
  replace(content) {
    [this.#past, this.#future] = [[], []];
    this.#become(content);
  }

  /** @param {Content} content */
  #become(content) {
    this.content = content;
    this.dispatchEvent(new Event("change"));
  }
}
