// @ts-check
/** Runs the model beside the page, so that drawing stays smooth while it reads; or has a copy of it learn. */

import { forget, model } from "./store.js";

/** @typedef {import("./server.js").Question} Question */
/**
 * What the module of WebAssembly exports; see `exports.rs`.
 * @typedef {object} Exports
 * @property {WebAssembly.Memory} memory
 * @property {(length: number) => number} input
 * @property {() => number} output
 * @property {() => number} output_length
 * @property {() => number} model
 * @property {() => number} read_drawing
 * @property {(layout: number) => number} read_picture
 * @property {() => number} learn
 * @property {() => number} use_tensors
 */

const NO_SIMD = "This browser cannot run the model: it has no WebAssembly with SIMD. Current versions of Chrome, Edge, Firefox and Safari have it.";
/** The smallest module with an instruction of SIMD: a function that gives a vector of bytes. */
const WITH_SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11);
/** Bytes between two reports of how many have come. */
const REPORT = 1 << 17;

/** What would be the same the next time. */
class Final extends Error {}

const module = load();
/** @type {Promise<Exports> | null} */ let instance = null;

/** Fetches the module, and says how much of it has come. */
async function load() {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(WITH_SIMD)) throw new Final(NO_SIMD);
  const response = await fetch(new URL("./mnist2x2.wasm", import.meta.url)).catch(() => null);
  if (!response?.ok || !response.body) throw new Error(`The model cannot be loaded${response ? `: status ${response.status}` : ""}.`);
  let [loaded, reported] = [0, 0];
  const counted = response.body.pipeThrough(new TransformStream({
    transform(chunk, controller) {
      loaded += chunk.byteLength;
      if (loaded - reported >= REPORT) postMessage({ loaded: (reported = loaded) });
      controller.enqueue(chunk);
    },
  }));
  // Some servers of files know no type for it.
  return WebAssembly.compileStreaming(new Response(counted, { headers: { "Content-Type": "application/wasm" } }));
}

/** A new instance. What it would import beside the page are random numbers, which nothing here draws. @returns {Promise<Exports>} */
async function instantiate() {
  const compiled = await module;
  /** @type {Record<string, Record<string, (share: number) => void>>} */
  const imports = { page: { progress: (share) => postMessage({ learning: share }) } };
  for (const { module: from, name } of WebAssembly.Module.imports(compiled)) {
    (imports[from] ??= {})[name] ??= () => {
      throw new WebAssembly.RuntimeError(`${name} is not there`);
    };
  }
  return /** @type {any} */ ((await WebAssembly.instantiate(compiled, imports)).exports);
}

/** A new instance that reads with the model that learned, if there is one. @returns {Promise<Exports>} */
async function reader() {
  const exports = await instantiate();
  try {
    const learned = await model();
    if (!learned) return exports;
    const { digest } = ask(exports, new Uint8Array(), exports.model).body;
    const { status, body } = learned.base === digest
      ? ask(exports, new Uint8Array(await learned.tensors.arrayBuffer()), exports.use_tensors)
      : { status: 422, body: { detail: "it was made of an earlier built-in model" } };
    if (status === 200) return exports;
    postMessage({ note: `The learned model cannot be used: ${body.detail}. The built-in model is used instead.` });
    await forget();
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError) throw error;
    postMessage({ note: `What is kept in this browser cannot be reached: ${error instanceof Error ? error.message : error}.` });
  }
  return exports;
}

/** Has the module answer to an input. @param {Exports} exports @param {Uint8Array} input @param {() => number} answer */
function ask(exports, input, answer) {
  // This may grow the memory, whose buffer then is another.
  const at = exports.input(input.length);
  new Uint8Array(exports.memory.buffer, at, input.length).set(input);
  const status = answer();
  const output = new Uint8Array(exports.memory.buffer, exports.output(), exports.output_length());
  return { status, body: JSON.parse(new TextDecoder().decode(output)) };
}

/** @param {Question} question @returns {Promise<{status: number, body: any}>} */
async function answer({ path, body }) {
  const { pathname, searchParams } = new URL(path, "https://page/");
  if (pathname === "/api/model/learn") {
    const exports = await instantiate();
    return ask(exports, new TextEncoder().encode(String(body)), exports.learn);
  }
  if (pathname === "/api/model/reload") instance = null;
  const exports = await (instance ??= reader());
  if (pathname === "/api/model" || pathname === "/api/model/reload") return ask(exports, new Uint8Array(), exports.model);
  if (!(body instanceof Blob)) return ask(exports, new TextEncoder().encode(String(body)), exports.read_drawing);
  const layout = new TextEncoder().encode(searchParams.get("layout") ?? "auto");
  const file = new Uint8Array(await new Blob([layout, body]).arrayBuffer());
  return ask(exports, file, () => exports.read_picture(layout.length));
}

/** @param {unknown} error */
const fail = (error) =>
  postMessage({ failed: error instanceof Error ? error.message : String(error), isFinal: error instanceof Final });

addEventListener("message", async ({ data }) => {
  const { id } = /** @type {Question} */ (data);
  try {
    postMessage({ id, ...(await answer(data)) });
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) return fail(error);
    // It trapped, and is in no state to go on.
    instance = null;
    postMessage({ id, status: 500, body: { detail: "the model failed at this; another drawing may be read" } });
  }
});
// The page wants to know before it asks anything.
module.then(() => postMessage({ loaded: Infinity }), fail);
