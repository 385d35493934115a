// @ts-check
/** What was corrected in a reading, for as long as what it was read from stays as it is. */

import { inCell } from "./document.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./reader.js").Box} Box */
/** @typedef {import("./reader.js").Reading} Reading */
/**
 * @typedef {object} Shown
 * @property {Content} content  what was read
 * @property {Reading} reading
 * @property {boolean} isPicture  whether it was read as a picture, of any arrangement
 * @property {boolean} isGrid  whether its digits lie in the model's own grid
 */

/**
 * What a digit was read from. Without cells it is all that is drawn.
 * @param {Shown} shown @param {number} index
 */
const origin = ({ content, isPicture }, index) =>
  isPicture && !content.picture ? JSON.stringify(content.cells) : inCell(content, index);

/** Whether the middle of the second box lies in the first. @param {Box} outer @param {Box} inner */
const holds = ([left, top, width, height], [x, y, w, h]) =>
  Math.abs(x + w / 2 - left - width / 2) <= width / 2 && Math.abs(y + h / 2 - top - height / 2) <= height / 2;

export class Marks {
  /** By the place of the digit. @type {Map<number, {of: unknown, digit: string}>} */ #marks = new Map();
  /** What was corrected in the reading of a drawing that had grown by then. @type {{index: number, box?: Box, digit: string}[]} */
  #early = [];

  /** What was read, with what was corrected. @param {Shown} shown */
  right(shown) {
    return Array.from(shown.reading.digits, (digit, index) => {
      const mark = this.#marks.get(index);
      return mark && mark.of === origin(shown, index) ? mark.digit : digit;
    }).join("");
  }

  /** @param {Shown} shown @param {string} right @param {boolean} isEarly whether the drawing has grown since it was read */
  set(shown, right, isEarly) {
    const before = this.right(shown);
    Array.from(right, (digit, index) => {
      this.#marks.set(index, { of: origin(shown, index), digit });
      const { box } = shown.reading.cells[index];
      if (isEarly && digit !== before[index]) this.#early.push({ index, box, digit });
    });
  }

  /**
   * Marks in the reading of a whole drawing what was corrected before it was read.
   * @param {Shown} shown @returns {boolean} whether anything would have been lost
   */
  carry(shown) {
    const { cells } = shown.reading;
    const lost = this.#early.splice(0).flatMap(({ index, box, digit }) => {
      const at = box ? cells.findIndex((cell) => cell.box && holds(cell.box, box)) : index;
      const isThere = at >= 0 && this.#marks.get(at)?.of !== origin(shown, at);
      return isThere ? [{ at, digit }] : [];
    });
    for (const { at, digit } of lost) this.#marks.set(at, { of: origin(shown, at), digit });
    return lost.length > 0;
  }
}
