// @ts-check
/** A box around each digit that was found in a picture, with what was read there. The tiles say the same in words. */

import { make } from "./dom.js";
import { fit } from "./pad.js";
import { SURE_FROM } from "./result.js";

/** @typedef {import("./reader.js").Reading} Reading */
/** @typedef {{width: number, height: number}} Size */

/** What a box's digit takes above it or beside it, in pixels of the screen. */
const LABEL = 20;

export class Boxes {
  /**
   * @param {HTMLElement} frame that lies over the picture
   * @param {(index: number) => void} onChoose  when a digit is clicked
   */
  constructor(frame, onChoose) {
    this.frame = frame;
    frame.addEventListener("click", ({ target }) => {
      const box = target instanceof Element && target.closest(".box");
      if (box instanceof HTMLElement) onChoose(Number(box.dataset.index));
    });
  }

  clear() {
    this.frame.replaceChildren();
  }

  /**
   * @param {Reading} reading @param {string} right with what was corrected @param {Size} picture
   * @param {boolean} isOpened whether it was opened, and not drawn: boxes on a drawing are in nobody's way
   */
  show(reading, right, picture, isOpened) {
    this.frame.classList.toggle("opened", isOpened);
    const [width, height] = [this.frame.clientWidth, this.frame.clientHeight];
    const place = fit(picture, width, height);
    const scale = place.width / picture.width;
    const boxes = reading.cells.flatMap(({ box, confidence }, index) => {
      if (!box) return [];
      const label = make("b", {}, right[index] === "_" ? "none" : right[index]);
      const element = make("div", { class: "box", "data-index": index }, label);
      const [x, y] = [place.left + scale * box[0], place.top + scale * box[1]];
      // Shares, for the frame may become another size, but not another shape.
      Object.assign(element.style, {
        left: `${(100 * x) / width}%`,
        top: `${(100 * y) / height}%`,
        width: `${(100 * scale * box[2]) / width}%`,
        height: `${(100 * scale * box[3]) / height}%`,
      });
      const isCorrected = right[index] !== reading.digits[index];
      element.classList.toggle("corrected", isCorrected);
      element.classList.toggle("unsure", !isCorrected && confidence < SURE_FROM);
      const isAtRight = x + scale * box[2] + LABEL > width;
      if (y < LABEL) element.classList.add(isAtRight ? "inside" : "beside");
      return [element];
    });
    this.frame.replaceChildren(...boxes);
  }
}
