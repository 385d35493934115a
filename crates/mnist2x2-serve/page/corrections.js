// @ts-check
/**
 * What people corrected, on its way to the server. A correction is kept in the browser until the server has stored it,
 * and is known by a key under which the server stores it once, however often it is sent.
 */

import { retryPause } from "./live.js";
import { Refused, Unavailable, post, request } from "./server.js";
import { load, save } from "./storage.js";

/**
 * @typedef {object} Correction
 * @property {string} key
 * @property {string} model  SHA-256 of the weights
 * @property {string} read
 * @property {string} right
 * @property {object} [strokes]  as the API takes them
 * @property {string} [picture]  a PNG in base64
 * @property {string} [found]  the digits as they were found, in base64
 * @property {string} source
 */
/** @typedef {"kept" | "stored" | "waiting" | "refused"} State */

/** The time in which another corrected digit of the same drawing joins the same correction, in milliseconds. */
const MERGE_TIME = 800;

/** A key that no other correction has. */
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  /** @type {Correction[]} */ #waiting;
  #failures = 0;
  /** The one that is on its way, and can change no more. @type {Correction | null} */ #sending = null;
  #timer = 0;

  /** @param {(state: State, correction: Correction, detail: string) => void} on */
  constructor(on) {
    this.on = on;
    const kept = load("corrections");
    this.#waiting = Array.isArray(kept) ? kept : [];
    if (this.#waiting.length > 0) this.#schedule(0);
  }

  /**
   * Keeps a correction and soon sends it. One under a key that still waits takes its place.
   * @param {Omit<Correction, "key">} correction @param {string | null} key that it was given before
   * @returns {string} the key it has
   */
  add(correction, key) {
    const index = this.#waiting.findIndex((waiting) => waiting.key === key && waiting !== this.#sending);
    const added = { key: index >= 0 && key ? key : newKey(), ...correction };
    this.#waiting.splice(index >= 0 ? index : this.#waiting.length, 1, added);
    this.#keep();
    this.on("kept", added, "");
    if (this.#failures === 0) this.#schedule(MERGE_TIME);
    return added.key;
  }

  /** Forgets a correction, unless it has been sent. @param {string} key @returns {boolean} whether it is forgotten */
  withdraw(key) {
    const left = this.#waiting.filter((waiting) => waiting.key !== key || waiting === this.#sending);
    const isForgotten = left.length < this.#waiting.length;
    this.#waiting = left;
    this.#keep();
    return isForgotten;
  }

  /** Sends at once, if it waits for the server to come back. */
  retry() {
    if (this.#failures > 0) this.#schedule(0);
  }

  #keep() {
    save("corrections", this.#waiting);
  }

  /** @param {number} pause */
  #schedule(pause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), pause);
  }

  async #send() {
    const [correction] = this.#waiting;
    if (this.#sending || !correction) return;
    this.#sending = correction;
    try {
      await request("api/corrections", post(correction));
      this.#done("stored", correction, "");
    } catch (error) {
      if (error instanceof Unavailable) this.#wait(correction, error);
      else this.#done("refused", correction, error instanceof Refused ? error.message : String(error));
    }
    this.#sending = null;
    if (this.#failures === 0 && this.#waiting.length > 0) this.#schedule(0);
  }

  /** @param {State} state @param {Correction} correction @param {string} detail */
  #done(state, correction, detail) {
    this.#failures = 0;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== correction);
    this.#keep();
    this.on(state, correction, detail);
  }

  /** @param {Correction} correction @param {Unavailable} error */
  #wait(correction, error) {
    this.#failures += 1;
    this.on("waiting", correction, error.message);
    this.#schedule(retryPause(this.#failures, error.seconds));
  }
}
