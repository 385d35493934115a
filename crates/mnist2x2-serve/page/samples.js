// @ts-check
/** Digits drawn beforehand, for those who cannot or would rather not draw. */

import { SIDE } from "./document.js";

/** @typedef {import("./document.js").Point} Point */
/** @typedef {import("./document.js").Stroke} Stroke */

/**
 * The strokes of each digit in a box of 100 x 100. A curve goes through all points; a point given twice is a corner.
 * @type {Stroke[][]}
 */
const SHAPES = [
  [[[58, 12], [38, 16], [25, 38], [25, 64], [37, 86], [56, 90], [73, 75], [79, 50], [73, 24], [58, 12]]],
  [[[56, 11], [53, 38], [50, 64], [47, 90]]],
  [[[26, 32], [34, 17], [52, 11], [69, 20], [69, 38], [56, 57], [38, 75], [24, 88], [24, 88], [52, 87], [80, 86]]],
  [[[28, 20], [48, 11], [68, 20], [66, 37], [46, 47], [46, 47], [68, 55], [74, 74], [56, 90], [28, 84]]],
  [[[44, 12], [36, 34], [24, 58], [24, 58], [52, 59], [82, 57]], [[66, 32], [63, 60], [60, 92]]],
  [[[36, 14], [33, 30], [31, 46], [31, 46], [50, 41], [69, 50], [73, 70], [58, 88], [28, 86]], [[36, 14], [56, 14], [76, 12]]],
  [[[64, 12], [46, 28], [33, 52], [31, 74], [44, 90], [62, 87], [70, 70], [56, 57], [40, 62], [32, 76]]],
  [[[24, 17], [50, 16], [77, 14], [77, 14], [64, 40], [54, 64], [48, 91]]],
  [[[66, 22], [50, 12], [35, 22], [39, 38], [56, 52], [70, 70], [58, 88], [40, 88], [30, 72], [42, 54], [60, 39], [66, 22]]],
  [[[69, 32], [56, 14], [38, 20], [32, 38], [44, 51], [60, 45], [69, 30], [69, 30], [68, 58], [62, 91]]],
];
/** Points drawn between two of a shape. */
const BETWEEN = 8;

/**
 * A smooth curve through the points (Catmull and Rom's).
 * @param {Stroke} points @returns {Stroke}
 */
function curve(points) {
  /** @type {Stroke} */
  const line = [points[0]];
  for (let i = 0; i + 1 < points.length; i++) {
    const [p, q] = [points[i], points[i + 1]];
    if (p[0] === q[0] && p[1] === q[1]) continue;
    const [before, after] = [points[Math.max(0, i - 1)], points[Math.min(points.length - 1, i + 2)]];
    for (let k = 1; k <= BETWEEN; k++) {
      const t = k / BETWEEN;
      const at = (/** @type {0 | 1} */ axis) => {
        const [a, b, c, d] = [before[axis], p[axis], q[axis], after[axis]];
        return b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      };
      line.push([at(0), at(1)]);
    }
  }
  return line;
}

/** A number from -1 to 1. */
const chance = () => 2 * Math.random() - 1;

/**
 * A digit as if drawn by hand: never twice the same.
 * @param {number} digit @returns {Stroke[]}
 */
export function sample(digit) {
  const [angle, lean] = [0.09 * chance(), 0.08 * chance()];
  const [width, height] = [0.007 * (1 + 0.1 * chance()), 0.007 * (1 + 0.06 * chance())];
  const [x0, y0] = [0.5 + 0.03 * chance(), 0.5 + 0.03 * chance()];
  /** @param {Point} point @returns {Point} */
  const place = ([x, y]) => {
    const [dx, dy] = [(x - 51 - lean * (y - 51)) * width, (y - 51) * height];
    const turned = [dx * Math.cos(angle) - dy * Math.sin(angle), dx * Math.sin(angle) + dy * Math.cos(angle)];
    return [Math.round(10 * SIDE * (x0 + turned[0])) / 10, Math.round(10 * SIDE * (y0 + turned[1])) / 10];
  };
  return SHAPES[digit].map((stroke) => curve(stroke).map(place));
}

/**
 * Different digits in each of `count` cells, as long as there are enough.
 * @param {number} count
 */
export function samples(count) {
  const digits = SHAPES.map((_, digit) => ({ digit, rank: Math.random() }));
  digits.sort((a, b) => a.rank - b.rank);
  return Array.from({ length: count }, (_, index) => sample(digits[index % digits.length].digit));
}
