// @ts-check
/**
 * Stands where the server's page asks its server, and answers the same requests in the browser: readings by the model on a
 * worker, corrections from the browser's own store.
 */

import { add } from "./store.js";

/** @typedef {{id: number, path: string, body: unknown}} Question */
/** @typedef {{id: number, status: number, body: any} | {loaded: number} | {learning: number} | {note: string} | Failure} Message */
/** @typedef {{failed: string, isFinal: boolean}} Failure  whether it would fail again */
/** @typedef {{resolve: (body: any) => void, reject: (error: Error) => void}} Waiting */

/** Kept for who asks the server with it: a reading here ends when it ends. */
export const PICTURE_TIMEOUT = 0;

/** The model could not be loaded: worth another try. */
export class Unavailable extends Error {
  /** Seconds after which to ask again; nobody here asks for a pause. */
  seconds = 0;
}

/** What is asked cannot be answered; asking again would not help. */
export class Refused extends Error {}

/**
 * Says "loaded" with the bytes that have come, and "failed" with the reason; "learning" with the share that is done; and "note" with a
 * sentence on the model that learned.
 */
export const progress = new EventTarget();

/** @type {Worker | null} */ let worker = null;
/** @type {Map<number, Waiting>} */ const waiting = new Map();
let last = 0;

/**
 * @param {string} path of the HTTP API, relative to the page
 * @param {RequestInit} [options]
 * @returns {Promise<any>} the JSON of the answer
 */
export function request(path, { body } = {}) {
  if (path === "api/corrections") return add(JSON.parse(String(body)));
  worker ??= start(hear);
  last += 1;
  const answer = new Promise((resolve, reject) => waiting.set(last, { resolve, reject }));
  worker.postMessage(/** @type {Question} */ ({ id: last, path, body }));
  return answer;
}

/** @param {string} name @param {unknown} detail */
const say = (name, detail) => progress.dispatchEvent(new CustomEvent(name, { detail }));

/**
 * Has a copy of the model that is built in learn corrections, while the page goes on reading.
 * @param {string} lines of JSON
 * @returns {{outcome: Promise<any>, stop: () => void}} what the module says; nothing if it was stopped
 */
export function learn(lines) {
  let stop = () => {};
  /** @type {Worker | undefined} */ let learner;
  const outcome = new Promise((resolve, reject) => {
    stop = () => resolve(undefined);
    learner = start((message) => {
      if ("learning" in message) say("learning", message.learning);
      else if ("failed" in message) reject(new Refused(message.failed));
      else if (!("id" in message)) return;
      else if (message.status < 400) resolve(message.body);
      else reject(new Refused(message.status === 500 ? "this device has too little memory, or the model failed" : message.body.detail));
    });
    learner.postMessage(/** @type {Question} */ ({ id: 0, path: "api/model/learn", body: lines }));
  });
  return { outcome: outcome.finally(() => learner?.terminate()), stop };
}

/** A worker that loads the model and then answers. @param {(message: Message) => void} hear */
function start(hear) {
  const started = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }) => hear(data));
  started.addEventListener("error", (event) => {
    event.preventDefault();
    hear({ failed: "The model cannot be loaded.", isFinal: false });
  });
  return started;
}

/** @param {Message} message */
function hear(message) {
  if ("failed" in message) return fail(message);
  if ("loaded" in message) return say("loaded", message.loaded);
  if ("note" in message) return say("note", message.note);
  if (!("id" in message)) return;
  const asked = waiting.get(message.id);
  waiting.delete(message.id);
  if (message.status < 400) asked?.resolve(message.body);
  else asked?.reject(new Refused(message.body.detail));
}

/** Lets all who wait know that nothing was loaded; the next question starts anew. @param {Failure} failure */
function fail({ failed, isFinal }) {
  worker?.terminate();
  worker = null;
  for (const { reject } of waiting.values()) reject(new (isFinal ? Refused : Unavailable)(failed));
  waiting.clear();
  say("failed", failed);
}

/** @param {unknown} value @returns {RequestInit} */
export const post = (value) => ({ body: JSON.stringify(value) });
