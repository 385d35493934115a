// @ts-check
/** What every test has: a server, a page that may log no error, and a hand that draws. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { test as base, expect } from "@playwright/test";

import { SIDE } from "../page/document.js";
import { sample } from "../page/samples.js";
import { SITE, detour, serveSite, storedLines } from "./site.js";

/** @typedef {import("@playwright/test").Page} Page */
/** @typedef {import("../page/document.js").Point} Point */
/** @typedef {import("../page/document.js").Stroke} Stroke */
/** @typedef {{url: string, stop: () => Promise<void>}} Server */
/** @typedef {import("@playwright/test").PlaywrightTestArgs & import("@playwright/test").PlaywrightTestOptions} PlaywrightTest */
/** @typedef {import("@playwright/test").PlaywrightWorkerArgs & import("@playwright/test").PlaywrightWorkerOptions} PlaywrightWorker */
/** @typedef {{server: Server}} PerWorker */
/** @typedef {{errors: string[], hand: Hand}} PerTest */

// Digits drawn by the tests are always the same ones.
Math.random = () => 0.5;

/** The longest time from lifting the pen to the right digits, in milliseconds. */
export const SOON = 300;

/** What is read in a stroke down and one across: who only counts reads 2, the model that comes with the site a 4. */
export const CROSS = SITE ? "4" : "2";

/** Whether the tests started the server, and so may stop it. */
export const isOwn = !process.env.SERVER_URL && !SITE;

/** Starts the program that people start, with the model that it ships unless words name another. @param {string[]} words @returns {Promise<Server>} */
export async function startProgram(words = []) {
  const folder = await mkdtemp(join(tmpdir(), "mnist2x2-"));
  const program = process.env.PROGRAM;
  if (!program) throw new Error("run these tests with `cargo xtask browser-test`");
  const arguments_ = ["serve", "--addr", "127.0.0.1:0", "--store", join(folder, "corrections"), ...words];
  const child = spawn(program, arguments_, { stdio: ["ignore", "inherit", "pipe"] });
  const [line] = await once(createInterface(child.stderr), "line");
  const url = /http:\/\/[^ ]+/.exec(line)?.[0];
  if (!url) throw new Error(`the program says: ${line}`);
  const stop = async () => {
    const ended = once(child, "exit");
    child.kill("SIGINT");
    await ended;
    await rm(folder, { recursive: true });
  };
  return { url, stop };
}

/** Starts the server that the task has built. @returns {Promise<Server>} */
export async function startServer(address = "127.0.0.1:0", store = "") {
  const folder = store ? "" : await mkdtemp(join(tmpdir(), "mnist2x2-"));
  const binary = process.env.SERVER_BINARY;
  if (!binary) throw new Error("run these tests with `cargo xtask browser-test`");
  const child = spawn(binary, [address, store || join(folder, "corrections")], { stdio: ["pipe", "pipe", "inherit"] });
  const [url] = await once(createInterface(child.stdout), "line");
  const stop = async () => {
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
    if (folder) await rm(folder, { recursive: true });
  };
  return { url, stop };
}

/** The server that was named, or the site without one. @returns {Server | Promise<Server> | undefined} */
function given() {
  const url = process.env.SERVER_URL;
  return SITE ? serveSite() : url ? { url, stop: async () => {} } : undefined;
}

/** A server for each worker, which is where pages are found. */
const served = base.extend(/** @type {import("@playwright/test").Fixtures<{}, PerWorker, PlaywrightTest, PlaywrightWorker>} */ ({
  server: [async ({}, use) => {
    const server = await (given() ?? startServer());
    await use(server);
    await server.stop();
  }, { scope: "worker" }],
  baseURL: ({ server }, use) => use(server.url),
  // Playwright sees no request that goes through one.
  serviceWorkers: "block",
  page: async ({ page }, use) => {
    if (SITE) await page.addInitScript(detour);
    await use(page);
    // One that is on its way needs no answer any more.
    await page.unrouteAll({ behavior: "ignoreErrors" });
  },
}));

export const test = served.extend(/** @type {import("@playwright/test").Fixtures<PerTest, {}, PlaywrightTest, PlaywrightWorker>} */ ({
  /** What was logged as an error; a test that expects some empties it. */
  errors: [async ({ page }, use) => {
    /** @type {string[]} */
    const errors = [];
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await use(errors);
    expect(errors, "errors in the console").toEqual([]);
  }, { auto: true }],
  hand: ({ page, hasTouch }, use) => use(new Hand(page, hasTouch ? "touch" : "mouse")),
}));

/** The same with the program that people start. */
export const modelTest = test.extend(/** @type {import("@playwright/test").Fixtures<{}, PerWorker>} */ ({
  server: [async ({}, use) => {
    const server = await (given() ?? startProgram());
    await use(server);
    await server.stop();
  }, { scope: "worker" }],
}));

/**
 * A digit in as many strokes as it counts, which leaves the same ink: so even who only counts reads it.
 * @param {number} digit
 */
export function strokesOf(digit) {
  const strokes = sample(digit);
  while (strokes.length < digit) {
    const index = strokes.reduce((longest, stroke, i) => (stroke.length > strokes[longest].length ? i : longest), 0);
    const middle = strokes[index].length >> 1;
    strokes.splice(index, 1, strokes[index].slice(0, middle + 1), strokes[index].slice(middle));
  }
  return strokes;
}

/** Draws with the mouse, a finger or a pen, through the browser's own input. */
export class Hand {
  /** @param {Page} page @param {"mouse" | "touch" | "pen"} kind @param {number} cols of the cells that it draws in */
  constructor(page, kind, cols = 2) {
    this.page = page;
    this.kind = kind;
    this.cols = cols;
    /** @type {Promise<import("@playwright/test").CDPSession> | undefined} */
    this.session = undefined;
  }

  /** Draws digits, cell by cell; `_` leaves one empty. @param {string} digits */
  async write(digits) {
    for (const [cell, digit] of Array.from(digits).entries()) {
      for (const stroke of digit === "_" ? [] : strokesOf(Number(digit))) await this.stroke(cell, stroke);
    }
  }

  /** @param {number} cell @param {Stroke} stroke */
  async stroke(cell, stroke) {
    const canvas = this.page.locator("#canvas");
    await canvas.scrollIntoViewIfNeeded();
    const box = await canvas.boundingBox();
    if (!box) throw new Error("there is nothing to draw on");
    const [left, top] = [(cell % this.cols) * SIDE, Math.floor(cell / this.cols) * SIDE];
    const scale = box.width / (this.cols * SIDE);
    /** @type {Point[]} */
    const points = stroke.map(([x, y]) => [box.x + scale * (left + x), box.y + scale * (top + y)]);
    const thin = points.filter((_, i) => i % 4 === 0 || i === points.length - 1);
    if (this.kind === "mouse") await this.#drag(thin);
    else await this.#dispatch(thin);
  }

  /** @param {Point[]} points */
  async #drag(points) {
    const { mouse } = this.page;
    await mouse.move(...points[0]);
    await mouse.down();
    for (const point of points.slice(1)) await mouse.move(...point);
    await mouse.up();
  }

  /** What Playwright has no call for. @param {Point[]} points */
  async #dispatch(points) {
    this.session ??= this.page.context().newCDPSession(this.page);
    const session = await this.session;
    const last = points.length - 1;
    for (const [i, [x, y]] of points.entries()) {
      if (this.kind === "touch") {
        await session.send("Input.dispatchTouchEvent", { type: i === 0 ? "touchStart" : "touchMove", touchPoints: [{ x, y }] });
        if (i === last) await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
      } else {
        const pen = /** @type {const} */ ({ x, y, pointerType: "pen", button: "left", buttons: 1 });
        await session.send("Input.dispatchMouseEvent", { ...pen, type: i === 0 ? "mousePressed" : "mouseMoved" });
        if (i === last) await session.send("Input.dispatchMouseEvent", { ...pen, type: "mouseReleased", buttons: 0 });
      }
    }
  }
}

/** The digits on the tiles, `_` for an empty one. @param {Page} page */
export const shown = async (page) =>
  (await page.locator("#digits b").allTextContents()).map((digit) => digit || "_").join("");

/** @param {Page} page @param {string} digits */
export const expectShown = (page, digits) => expect.poll(() => shown(page)).toBe(digits);

/** Presses keys faster than any hand, whatever else the machine does. @param {Page} page @param {...string} keys */
export const pressAtOnce = (page, ...keys) => page.evaluate((keys) => {
  const options = { bubbles: true, cancelable: true };
  for (const key of keys) document.activeElement?.dispatchEvent(new KeyboardEvent("keydown", { key, ...options }));
}, keys);

/** Holds back what is read from now on, until the function that it gives is called. @param {Page} page */
export async function hold(page) {
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route("**/api/predict*", async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/**
 * A picture of digits in lines, dark on white: each digit in a place of 140 x 140 pixels, with a margin of 60.
 * @param {Page} page that has a canvas to draw on
 * @param {string[]} lines `_` leaves a place empty @param {string} [type]
 * @param {boolean} [isTurned] whether it lies on its left side, as a telephone's does that is held upright
 * @param {number} [pitch] from digit to digit in a line, in pixels
 */
export async function picture(page, lines, type = "image/png", isTurned = false, pitch = 140) {
  const places = lines.flatMap((line, row) => Array.from(line, (digit, col) =>
    ({ digit, x: 60 + pitch * col, y: 60 + 140 * row }))).filter(({ digit }) => digit !== "_");
  const strokes = places.flatMap(({ digit, x, y }) =>
    sample(Number(digit)).map((stroke) => stroke.map((point) => [x + point[0] / 2, y + point[1] / 2])));
  const size = [120 + 140 * Math.max(1, ...lines.map(({ length }) => length)), 120 + 140 * Math.max(1, lines.length)];
  const url = await page.evaluate(({ strokes, size: [across, down], type, isTurned }) => {
    const [width, height] = isTurned ? [down, across] : [across, down];
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.fillStyle = "#fff";
    context.fillRect(0, 0, width, height);
    if (isTurned) context.setTransform(0, -1, 1, 0, 0, across);
    Object.assign(context, { lineWidth: 11, lineCap: "round", lineJoin: "round" });
    for (const stroke of strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x, y);
      context.stroke();
    }
    return canvas.toDataURL(type);
  }, { strokes, size, type, isTurned });
  const middles = places.map(({ x, y }) => [x + 70, y + 70]);
  return { buffer: Buffer.from(url.replace(/^[^,]*,/, ""), "base64"), width: size[0], height: size[1], middles };
}

/** Opens a picture. @param {Page} page @param {Buffer} buffer @param {string} mimeType */
export const open = (page, buffer, mimeType = "image/png") =>
  page.locator("#file").setInputFiles({ name: "digits", mimeType, buffer });

/**
 * Where the boxes stand in a picture: their middles, in the picture's pixels.
 * @param {Page} page @param {{width: number, height: number}} picture
 */
export const boxes = (page, picture) => page.evaluate(({ width, height }) => {
  const frame = /** @type {Element} */ (document.querySelector("#boxes")).getBoundingClientRect();
  const scale = Math.max(width / frame.width, height / frame.height);
  const [left, top] = [frame.left + (frame.width - width / scale) / 2, frame.top + (frame.height - height / scale) / 2];
  return Array.from(document.querySelectorAll(".box"), (element) => {
    const box = element.getBoundingClientRect();
    return [box.x + box.width / 2 - left, box.y + box.height / 2 - top].map((at) => Math.round(scale * at));
  });
}, picture);

/** What the server, or the browser, has stored. @param {Page} page @returns {Promise<any[]>} */
export async function stored(page) {
  const text = await (SITE ? storedLines(page) : (await page.request.get("/api/corrections")).text());
  return text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

/**
 * Milliseconds from lifting the pen to the digits.
 * @param {Page} page @param {string} digits @param {() => Promise<void>} draw
 */
export async function timeReading(page, digits, draw) {
  await page.evaluate((digits) => {
    const shown = /** @type {Element} */ (document.querySelector("#digits"));
    const window = /** @type {any} */ (globalThis);
    addEventListener("pointerup", () => {
      window.lifted = performance.now();
      window.read = undefined;
    }, true);
    const look = () => {
      const text = Array.from(shown.querySelectorAll("b"), (digit) => digit.textContent || "_").join("");
      if (text === digits) window.read ??= performance.now();
    };
    new MutationObserver(look).observe(shown, { childList: true, subtree: true, characterData: true });
  }, digits);
  await draw();
  await expectShown(page, digits);
  return Math.max(0, Math.round(Number(await page.evaluate("(globalThis.read ?? lifted) - lifted"))));
}

/** What axe calls serious or critical. @param {Page} page */
export async function expectNoFindings(page) {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  await page.evaluate(axe);
  const { violations } = /** @type {import("axe-core").AxeResults} */ (await page.evaluate("axe.run()"));
  for (const { impact, id, nodes } of violations) console.log(`  axe: ${impact} ${id}: ${nodes[0].html}`);
  expect(violations.filter(({ impact }) => impact === "serious" || impact === "critical")).toEqual([]);
}

/** Takes a picture, where a folder for them is given. @param {Page} page @param {...string} names */
export async function look(page, ...names) {
  const folder = process.env.SCREENSHOTS;
  if (folder) await page.screenshot({ path: join(folder, `page-${names.join("-")}.png`), fullPage: true });
}

export { SITE, expect };
