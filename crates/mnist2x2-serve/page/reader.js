// @ts-check
/**
 * The one module that the page asks for readings. It asks the server; on the page without one, `server.js` is another, which
 * has the model run in the browser.
 */

import { SIDE } from "./document.js";
import { PICTURE_TIMEOUT, post, request } from "./server.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {{digits: string, confidence: number}} Alternative */
/** @typedef {{digit: number | null, confidence: number, box?: Box}} Cell */
/** @typedef {[number, number, number, number]} Box  left, top, width and height in the upright picture's pixels */
/** @typedef {{width: number, height: number, pixels: Uint8Array}} InputImage  gray levels row by row, 255 for ink */
/**
 * @typedef {object} Reading
 * @property {string} digits  cell by cell, row by row; `_` for an empty cell
 * @property {number} confidence  of the whole sequence
 * @property {string[]} lines  the same, line by line
 * @property {string} layout  how they lie: `2x5` is a grid, `line` and `lines` are none, `none` is without digits
 * @property {boolean} sure
 * @property {Cell[]} cells
 * @property {Alternative[]} alternatives  likeliest first
 * @property {string} model  SHA-256 of the weights
 * @property {InputImage} [seen]  the picture that the model was given
 * @property {number[][]} [attention]  for each digit written, the share of each patch
 */
/** @typedef {{digest: string, source: string, parameters: number, rows: number, cols: number}} Model */

/** The side of a digit as the model is given it, in pixels. */
const DIGIT = 28;

/** The model that reads. @returns {Promise<Model>} */
export const describe = () => request("api/model");

/**
 * Reads a drawing or a picture. Throws `Unavailable` if it is worth asking again, `Refused` if not.
 * @param {Content} content @param {string} [layout] how the digits of a picture lie @returns {Promise<Reading>}
 */
export async function read(content, layout = "auto") {
  const { picture } = content;
  const body = picture
    ? { method: "POST", headers: { "Content-Type": picture.file.type }, body: picture.file }
    : post(strokes(content));
  const reading = await request(`api/predict?seen=true&attention=true&layout=${layout}`, body, picture ? PICTURE_TIMEOUT : undefined);
  if (reading.layout === "none") [reading.lines, reading.cells] = [[], []];
  // The API leaves out the empty cells of a grid that is not the model's.
  reading.digits = reading.lines.join("");
  if (reading.seen) reading.seen.pixels = Uint8Array.from(atob(reading.seen.pixels), (c) => c.charCodeAt(0));
  return reading;
}

/**
 * The digits as they were found, one after another: each is a square of what the model was given, at its place in its line.
 * @param {Reading} reading
 */
export function found({ lines, cells, seen }) {
  if (!seen) throw new Error("the server did not send what the model was given");
  const squares = lines.flatMap((line, row) => Array.from(line, (_, col) => (row * seen.width + col) * DIGIT));
  const rows = squares.filter((_, index) => cells[index].box).flatMap((start) =>
    Array.from({ length: DIGIT }, (_, y) => seen.pixels.slice(start + y * seen.width, start + y * seen.width + DIGIT)));
  return new Blob(rows);
}

/** The drawing as the API takes it: no point is farther from its cell than the cell's size. @param {Content} content */
export function strokes({ cells }) {
  const near = (/** @type {number} */ value) => Math.min(2 * SIDE, Math.max(-SIDE, value));
  const nearby = cells.map((cell) => cell.map((stroke) => stroke.map(([x, y]) => [near(x), near(y)])));
  return { cells: nearby, width: SIDE, height: SIDE };
}
