// @ts-check
/**
 * The one module that the page asks for readings. This one asks the server; another with the same two functions could
 * run the model in the browser.
 */

import { SIDE } from "./document.js";
import { post, request } from "./server.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {{digits: string, confidence: number}} Alternative */
/** @typedef {{width: number, height: number, pixels: Uint8Array}} InputImage  grey levels row by row, 255 for ink */
/**
 * @typedef {object} Reading
 * @property {string} digits  cell by cell, row by row; `_` for an empty cell
 * @property {number} confidence  of the whole sequence
 * @property {{digit: number | null, confidence: number}[]} cells
 * @property {Alternative[]} alternatives  likeliest first
 * @property {string} model  SHA-256 of the weights
 * @property {InputImage} [seen]  the picture that the model was given
 * @property {number[][]} [attention]  for each digit written, the share of each patch
 */
/** @typedef {{digest: string, source: string, parameters: number, rows: number, cols: number}} Model */

/** The grid that the page shows, which pictures are read as. */
let layout = "auto";

/** The model that reads. @returns {Promise<Model>} */
export async function describe() {
  const model = await request("api/model");
  layout = `${model.rows}x${model.cols}`;
  return model;
}

/**
 * Reads a drawing or a picture. Throws `Unavailable` if it is worth asking again, `Refused` if not.
 * @param {Content} content @returns {Promise<Reading>}
 */
export async function read(content) {
  const { picture } = content;
  const body = picture
    ? { method: "POST", headers: { "Content-Type": picture.type }, body: picture }
    : post(strokes(content));
  const reading = await request(`api/predict?seen=true&attention=true&layout=${layout}`, body);
  if (reading.seen) reading.seen.pixels = Uint8Array.from(atob(reading.seen.pixels), (c) => c.charCodeAt(0));
  return reading;
}

/** The drawing as the API takes it. @param {Content} content */
export const strokes = ({ cells }) => ({ cells, width: SIDE, height: SIDE });
