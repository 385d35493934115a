// @ts-check
/** Readings while one draws: one request at a time, the newest drawing first, and patience while nobody answers. */

import { Unavailable } from "./server.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./reader.js").Reading} Reading */

/** The time between two readings of a stroke that is being drawn, in milliseconds. */
const DRAFT_PAUSE = 120;
/** The time before a drawing is read, so that changes made together are read together. */
const PAUSE = 30;
/** The first and the longest pause before the server is asked again. */
const [FIRST_RETRY, LAST_RETRY] = [500, 10_000];

/**
 * The pause before another try, longer each time and never the same for all pages.
 * @param {number} failures in a row @param {number} seconds that the server asked for
 */
export function retryPause(failures, seconds) {
  const pause = Math.min(LAST_RETRY, FIRST_RETRY * 2 ** (failures - 1));
  return Math.max(1000 * seconds, pause) * (1 + 0.2 * Math.random());
}

export class Live {
  /** @type {Content | null} */ #wanted = null;
  #epoch = 0;
  #busy = false;
  #failures = 0;
  #timer = 0;

  /**
   * @param {(content: Content) => Promise<Reading>} read
   * @param {object} on
   * @param {(content: Content, reading: Reading) => void} on.reading
   * @param {(error: Error | null, pause: number) => void} on.error  `pause` is the time to the next try, or 0;
   *   without an error all is well again
   */
  constructor(read, on) {
    this.read = read;
    this.on = on;
  }

  /**
   * Wants `content` read. What was asked before and is not answered yet is dropped, unless `content` is only the same
   * stroke grown longer: then an answer is still worth showing.
   * @param {Content} content @param {boolean} [draft] whether the pen is still down
   */
  ask(content, draft = false) {
    this.#wanted = content;
    if (!draft) this.#epoch += 1;
    if (this.#busy || this.#failures > 0) return;
    if (!draft) this.#schedule(PAUSE);
    else if (!this.#timer) this.#schedule(DRAFT_PAUSE);
  }

  /** Wants nothing read. */
  forget() {
    this.#wanted = null;
    this.#epoch += 1;
  }

  /** Asks at once, if it waits for the server to come back. */
  retry() {
    if (!this.#busy && this.#failures > 0) this.#schedule(0);
  }

  /** @param {number} pause */
  #schedule(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), pause);
  }

  async #send() {
    this.#timer = 0;
    const [content, epoch] = [this.#wanted, this.#epoch];
    this.#wanted = null;
    if (!content) return this.#recover();
    this.#busy = true;
    try {
      const reading = await this.read(content);
      this.#recover();
      if (epoch === this.#epoch) this.on.reading(content, reading);
    } catch (error) {
      this.#fail(epoch === this.#epoch ? content : null, error);
    }
    this.#busy = false;
    if (this.#wanted && this.#failures === 0) this.#schedule(PAUSE);
  }

  #recover() {
    this.#failures = 0;
    this.on.error(null, 0);
  }

  /** @param {Content | null} content  what to ask again if nothing newer is wanted @param {unknown} error */
  #fail(content, error) {
    if (error instanceof Unavailable) {
      this.#wanted ??= content;
      this.#failures += 1;
      const pause = retryPause(this.#failures, error.seconds);
      this.on.error(error, pause);
      this.#schedule(pause);
    } else {
      this.#failures = 0;
      this.on.error(error instanceof Error ? error : new Error(String(error)), 0);
    }
  }
}
