// @ts-check
/** Requests to the server that sent this page, and the two ways in which one can fail. */

/** How long an answer may take, in milliseconds. */
const TIMEOUT = 8000;
/** How long one to a picture may take: the server allows 10 s to send it and 5 s to read it. */
export const PICTURE_TIMEOUT = 16_000;
/** The server, or the way to it, is overloaded or gone: worth another try. */
const RETRYABLE = [408, 429, 502, 503, 504];

/** Nobody answers at the moment; the same request may be made again. */
export class Unavailable extends Error {
  /** @param {string} message @param {number} [seconds] after which to ask again, if the server says so */
  constructor(message, seconds = 0) {
    super(message);
    this.seconds = seconds;
  }
}

/** The request itself is refused; making it again would not help. */
export class Refused extends Error {}

/**
 * @param {string} path relative to the page, wherever a proxy has put that
 * @param {RequestInit} [options] @param {number} [timeout] in milliseconds
 * @returns {Promise<any>} the JSON of the answer
 */
export async function request(path, options = {}, timeout = TIMEOUT) {
  let response, body;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(timeout) });
    body = await response.json();
  } catch (error) {
    if (response?.ok === false) throw failure(response, {});
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Unavailable(late ? "The server takes too long." : "The server does not answer.");
  }
  if (!response.ok) throw failure(response, body);
  return body;
}

/** @param {Response} response @param {{detail?: string}} problem */
function failure(response, { detail = `status ${response.status}` }) {
  if (!RETRYABLE.includes(response.status)) return new Refused(detail);
  const seconds = Number(response.headers.get("Retry-After") ?? 0);
  return new Unavailable(`The server is busy: ${detail}.`, Number.isFinite(seconds) ? seconds : 0);
}

/** @param {unknown} value @returns {RequestInit} */
export const post = (value) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(value),
});
