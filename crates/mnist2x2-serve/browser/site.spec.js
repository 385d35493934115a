// @ts-check
/** The page without a server: what it weighs, how soon it reads, that it reads as the program does, and that it needs nobody. */

import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { test as base } from "@playwright/test";

import { sample } from "../page/samples.js";
import { SITE, serveSite, storedLines } from "./site.js";
import { Hand, SOON, expect, look, picture, startProgram, timeReading } from "./support.js";

/** The most that is sent packed with gzip, in bytes: without the weights of the models, and all. */
const [MAX_CODE, MAX_ALL] = [900_000, 3_200_000];
/** The longest time to the first reading after a cold load, in the best of so many, and of a reading, in milliseconds. */
const [MAX_FIRST, MAX_LOADS, MAX_READING] = [1500, 10, 15];
/** The longest time in which it learns 20 corrections, in milliseconds, and the share of later ones that it then reads. */
const [MAX_LEARNING, MIN_LEARNED] = [30_000, 0.9];
/** What it may forget of MNIST. */
const MAX_FORGOTTEN = 0.005;
/** The people of the pen strokes whose ways of writing it learns; 0 where there are no strokes. */
const WRITERS = process.env.PENDIGITS_DIR ? [1, 7, 16] : [0];
/** How far a confidence may be from the program's. */
const NEAR = 1e-3;

const WEIGHTS = ["model", "line"].map((name) => new URL(`../../mnist2x2-infer/${name}/model.safetensors`, import.meta.url));

/** The site as anybody serves it: with its service worker, and without a detour for answers. */
const test = base.extend(/** @type {import("@playwright/test").Fixtures<{site: Awaited<ReturnType<typeof serveSite>>}, {}, import("./support.js").PlaywrightTest, import("./support.js").PlaywrightWorker>} */ ({
  site: async ({}, use) => {
    const site = await serveSite();
    await use(site);
    await site.stop();
  },
  baseURL: ({ site }, use) => use(site.url),
  page: async ({ page, site }, use) => {
    /** @type {string[]} */
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (message) => wrong.push(...(message.type() === "error" ? [message.text()] : [])));
    page.context().on("request", (request) => wrong.push(...(request.url().startsWith(site.url) || request.url().startsWith("blob:") ? [] : [request.url()])));
    await use(page);
    expect(wrong, "errors in the console, and requests to others").toEqual([]);
  },
}));
test.skip(SITE === "", "there is no site; cargo xtask browser-test --site builds one");

/** @param {string} folder @returns {Promise<string[]>} */
const filesIn = async (folder) => (await readdir(folder, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));

test("the site is small, and tells nothing of the machine that built it", async () => {
  const packed = async (/** @type {(string | URL)[]} */ paths) =>
    (await Promise.all(paths.map(async (path) => gzipSync(await readFile(path), { level: 9 }).length))).reduce((sum, size) => sum + size, 0);
  const [all, weights] = [await packed(await filesIn(SITE)), await packed(WEIGHTS)];
  console.log(`  ${all} bytes packed, ${all - weights} of them code`);
  expect(all).toBeLessThan(MAX_ALL);
  expect(all - weights).toBeLessThan(MAX_CODE);
  for (const file of await filesIn(SITE)) expect((await readFile(file)).includes("registry/src"), file).toBe(false);
});

test("it reads soon after a cold load, and every stroke at once", async ({ page, browser, baseURL }, info) => {
  // The fastest load says what the page takes, the others what else the machine does.
  const times = [];
  do {
    const context = await browser.newContext({ baseURL });
    const cold = await context.newPage();
    await cold.goto("./");
    times.push(await cold.evaluate(async () => {
      const server = await import((/** @type {HTMLLinkElement} */ (document.querySelector("link[href$='server.js']"))).href);
      const drawing = { cells: [[[[100, 40], [100, 200]]], [], [], []], width: 280, height: 280 };
      await server.request("api/predict?layout=auto", server.post(drawing));
      return Math.round(performance.now());
    }));
    await context.close();
  } while (times.length < MAX_LOADS && Math.min(...times) >= MAX_FIRST);
  console.log(`  first reading ${times.join(", ")} ms after a cold load`);
  expect(Math.min(...times)).toBeLessThan(MAX_FIRST);
  await page.goto("./");
  await expect(page.locator("#loading")).toBeHidden();
  const took = await timeReading(page, "4729", () => new Hand(page, info.project.name === "phone" ? "touch" : "mouse").write("4729"));
  console.log(`  read ${took} ms after the pen was lifted`);
  expect(took).toBeLessThan(SOON);
  await look(page, info.project.name, "site");
});

test("loading shows how far it is, and that it failed", async ({ page }, info) => {
  /** @type {() => void} */
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(undefined)));
  await page.route("**/*.wasm", async (route) => {
    await released;
    await route.abort();
  });
  await page.goto("./");
  await expect(page.locator("#loading-bar")).toBeVisible();
  await look(page, info.project.name, "site", "loading");
  release();
  await expect(page.locator("#loading-text")).toHaveText("The model cannot be loaded.");
  await page.unroute("**/*.wasm");
  await page.locator("#sample").click();
  await expect(page.locator("#digits b").first()).not.toBeEmpty();
  await expect(page.locator("#loading")).toBeHidden();
});

test("a browser without SIMD is told so", async ({ page }) => {
  await page.route("**/worker.js", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, body: `WebAssembly.validate = () => false;\n${await response.text()}` });
  });
  await page.goto("./");
  await expect(page.locator("#loading-text")).toHaveText(/no WebAssembly with SIMD/);
  await page.locator("#sample").click();
  await expect(page.locator("#error-text")).toHaveText(/no WebAssembly with SIMD/);
  await expect(page.locator("#retry")).toBeHidden();
});

test("it works without a network after the first load", async ({ page, site }) => {
  await page.goto("./");
  await page.evaluate("navigator.serviceWorker.ready");
  await page.context().setOffline(true);
  await site.stop();
  await page.reload();
  await page.locator("#sample").click();
  await expect(page.locator("#digits b").last()).not.toBeEmpty();
  await expect(page.locator("#attention")).toBeVisible();
});

test("corrections are kept in the browser, and downloaded as `corrections import` takes them", async ({ page }) => {
  await page.goto("./");
  await page.locator("#sample").click();
  await expect(page.locator("#digits b").last()).not.toBeEmpty();
  await page.locator(".tile").first().focus();
  await page.keyboard.press((await page.locator("#digits b").first().textContent()) === "7" ? "1" : "7");
  await expect(page.locator("#status")).toHaveText(/^Stored: /);
  await page.reload();
  await expect(page.locator("#kept")).toHaveText(/^1 correction is kept in this browser\./);
  const saving = page.waitForEvent("download");
  await page.locator("#kept-download").click();
  const file = await (await saving).path();
  expect(await readFile(file, "utf8")).toBe(await storedLines(page));
  const store = join(await mkdtemp(join(tmpdir(), "mnist2x2-")), "corrections");
  execFileSync(String(process.env.PROGRAM), ["corrections", "import", "--store", store, file], { stdio: "pipe" });
  const exported = execFileSync(String(process.env.PROGRAM), ["corrections", "export", "--store", store]).toString();
  const [line] = exported.trim().split("\n").map((line) => JSON.parse(line));
  expect(line).toMatchObject(JSON.parse(await readFile(file, "utf8")));
  page.on("dialog", (dialog) => dialog.accept());
  await page.locator("#kept-clear").click();
  await expect(page.locator("#kept")).toBeHidden();
  expect(await storedLines(page)).toBe("");
});

/** People's digits as pen strokes, where PENDIGITS_DIR names them. @returns {Promise<{label: number, writer: number, strokes: number[][][]}[]>} */
async function people() {
  const folder = process.env.PENDIGITS_DIR;
  const text = folder ? await readFile(join(folder, "pendigits-orig.tra"), "utf8") : "";
  return text.split(".SEGMENT").slice(1).map((segment) => {
    const [, label, writer] = (/\.COMMENT +(\d+) +(\d+)/.exec(segment) ?? []).map(Number);
    const strokes = segment.split(".PEN_DOWN").slice(1).map((stroke) =>
      Array.from(stroke.split(".PEN_UP")[0].matchAll(/(-?\d+) +(-?\d+)/g), ([, x, y]) => [0.56 * Number(x), 280 - 0.56 * Number(y)]));
    return { label, writer, strokes };
  });
}

/** A drawing of four digits as the API takes it. @param {number[][][][]} cells */
const drawing = (cells) => ({ cells, width: 280, height: 280 });

/**
 * Drawings of four digits: of people's pen strokes, else of our own.
 * @param {number} count @returns {Promise<object[]>}
 */
async function drawings(count) {
  const all = (await people()).map(({ strokes }) => strokes);
  return Array.from({ length: count }, (_, index) =>
    drawing(all.length > 0 ? all.slice(4 * index, 4 * index + 4) : Array.from({ length: 4 }, (_, cell) => wobbly((index + 3 * cell) % 10, index))));
}

/**
 * Grids of one person's digits, in each of which one is written as the model does not know it: a four without its bar, or, of our
 * own digits, a mirrored seven.
 * @param {number} of  the person @param {number} count @param {boolean} isLater whether they are of the second half of these fours
 */
async function ownWay(of, count, isLater) {
  const theirs = (await people()).filter(({ writer }) => writer === of);
  const fours = theirs.filter(({ label, strokes }) => label === 4 && strokes.length > 1).map(({ strokes }) => strokes.slice(0, -1));
  const half = isLater ? fours.slice(fours.length >> 1) : fours.slice(0, fours.length >> 1);
  const others = theirs.filter(({ label }) => label !== 4);
  const mirrored = (/** @type {number} */ number) => wobbly(7, number).map((stroke) => stroke.map(([x, y]) => [280 - x, y]));
  return Array.from({ length: count }, (_, index) => {
    const number = index + (isLater ? count : 0);
    const cells = Array.from({ length: 4 }, (_, cell) => {
      const isOdd = cell === number % 4;
      if (theirs.length > 0) return isOdd ? { label: 4, strokes: half[index % half.length] } : others[(41 * number + 7 * cell) % others.length];
      const label = isOdd ? 7 : (number + 3 * cell) % 7;
      return { label, strokes: isOdd ? mirrored(number) : wobbly(label, number) };
    });
    return { right: cells.map(({ label }) => label).join(""), strokes: drawing(cells.map(({ strokes }) => strokes)) };
  });
}

/** A digit that is a little different for each number. @param {number} digit @param {number} number */
const wobbly = (digit, number) => sample(digit).map((stroke) =>
  stroke.map(([x, y], point) => [x + 6 * Math.sin(0.4 * point + number), y + 6 * Math.cos(0.3 * point + 2 * number)]));

/**
 * Pictures of one to eight digits in one to three lines, apart or touching.
 * @param {import("@playwright/test").Page} page @param {number} count
 */
async function pngs(page, count) {
  const all = [];
  for (let index = 0; index < count; index++) {
    const line = (/** @type {number} */ row) => Array.from({ length: 1 + (index % 8) }, (_, col) => (7 * index + 3 * col + 5 * row) % 10).join("");
    const lines = Array.from({ length: 1 + (index % 3) }, (_, row) => line(row));
    all.push((await picture(page, lines, "image/png", false, index % 4 === 3 ? 80 : 140)).buffer);
  }
  return all;
}

/** Simulated photographs, so many of each strength of light. @param {number} count */
async function photographs(count) {
  const folder = await mkdtemp(join(tmpdir(), "mnist2x2-"));
  const arguments_ = ["sample", "--paper", "light", "--dataset", "synthetic", "--out", folder, "--count", String(count)];
  execFileSync(String(process.env.PROGRAM), arguments_, { stdio: "pipe" });
  return Promise.all((await filesIn(folder)).filter((file) => file.endsWith(".jpg")).map((file) => readFile(file)));
}

/** What the program answers to this body. @param {string} url @param {string | Buffer} body @returns {Promise<{status: number, found: any}>} */
async function byProgram(url, body) {
  const type = typeof body === "string" ? "application/json" : "application/octet-stream";
  const path = new URL("api/predict?seen=true&attention=true", url);
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": type }, body: /** @type {any} */ (body) });
  return { status: response.status, found: await response.json() };
}

/**
 * What the site answers to all of these, and the milliseconds that each took.
 * @param {import("@playwright/test").Page} page @param {(string | Buffer)[]} bodies
 */
async function bySite(page, bodies) {
  const packed = bodies.map((body) => (typeof body === "string" ? { text: body } : { file: body.toString("base64") }));
  return page.evaluate(async (packed) => {
    const { request } = await import((/** @type {HTMLLinkElement} */ (document.querySelector("link[href$='server.js']"))).href);
    const answers = [];
    for (const { text, file } of packed) {
      const body = text ?? new Blob([Uint8Array.from(atob(file ?? ""), (c) => c.charCodeAt(0))]);
      const start = performance.now();
      const answer = await request("api/predict?seen=true&attention=true&layout=auto", { body })
        .then((/** @type {any} */ body) => ({ status: 200, body }), (/** @type {Error} */ error) => ({ status: 422, body: { detail: error.message } }));
      answers.push({ ...answer, time: performance.now() - start });
    }
    return answers;
  }, packed);
}

/**
 * Where two answers are not the same, their probabilities nearly.
 * @param {any} found @param {any} wanted @param {string} path @returns {string[]}
 */
function differences(found, wanted, path) {
  const isNear = typeof wanted === "number" && typeof found === "number" && Math.abs(found - wanted) <= NEAR;
  if (isNear || found === wanted) return [];
  if (!found || !wanted || typeof found !== "object" || typeof wanted !== "object") return [`${path}: ${found}, not ${wanted}`];
  const keys = new Set([...Object.keys(found), ...Object.keys(wanted)]);
  return [...keys].flatMap((key) => differences(found[key], wanted[key], `${path}.${key}`));
}

/** Keeps corrections as the page does. @param {import("@playwright/test").Page} page @param {{right: string, strokes: object}[]} grids */
const correct = (page, grids) => page.evaluate(async (grids) => {
  const store = await import((/** @type {HTMLLinkElement} */ (document.querySelector("link[href$='store.js']"))).href);
  for (const [key, grid] of grids.entries()) await store.add({ key: `way-${key}`, model: "0".repeat(64), read: "0000", source: "page", ...grid });
}, grids);

test.describe("learning", () => {
  test.skip(({ isMobile }) => isMobile, "a screen makes no difference");

  for (const writer of WRITERS) test(`it learns the way of writer ${writer}, the model is the program's too, and is undone`, async ({ page }, info) => {
    test.setTimeout(180_000);
    await page.goto("./");
    const [grids, later] = [await ownWay(writer, 20, false), await ownWay(writer, 50, true)];
    await correct(page, grids.slice(0, 9));
    await expect(page.locator("#kept")).toHaveText(/^9 corrections are kept/);
    await expect(page.locator("#learn")).toBeHidden();
    await correct(page, grids.slice(0, 10));
    await expect(page.locator("#learn")).toBeVisible();
    await correct(page, grids);
    const start = Date.now();
    await page.locator("#learn").click();
    await expect(page.locator("#learning-bar")).toBeVisible();
    await look(page, info.project.name, "site", "learning");
    await expect(page.locator("#learning-text")).toHaveText(/^It learned 1\d corrections\. Of \d others it reads/, { timeout: MAX_LEARNING });
    const took = Date.now() - start;
    await expect(page.locator("#learned")).toBeVisible();
    await expect(page.locator("#model")).toHaveText(/which learned in this browser/);
    await look(page, info.project.name, "site", "learned");
    const bodies = later.map(({ strokes }) => JSON.stringify(strokes));
    const right = async () => (await bySite(page, bodies)).filter(({ body }, index) => body.digits === later[index].right).length;
    await page.reload();
    const after = await right();

    const saving = page.waitForEvent("download");
    await page.locator("#learned-download").click();
    const folder = await mkdtemp(join(tmpdir(), "mnist2x2-"));
    const file = join(folder, "learned.safetensors");
    await (await saving).saveAs(file);
    const program = (/** @type {string[]} */ ...words) => execFileSync(String(process.env.PROGRAM), words, { stdio: "pipe" }).toString();
    const own = await startProgram(["--model", file]);
    const answers = await bySite(page, bodies.slice(0, 10));
    for (const [index, body] of bodies.slice(0, 10).entries()) {
      const { found: { digits, lines, model } } = await byProgram(own.url, body);
      const found = answers[index].body;
      expect({ digits: found.digits, lines: found.lines, model: found.model }).toEqual({ digits, lines, model });
    }
    await own.stop();
    program("export", "--format", "onnx", "--model", file, "--out", join(folder, "onnx"));
    const folders = process.env.MNIST_DIR ? ["--data-dir", process.env.MNIST_DIR] : ["--dataset", "synthetic"];
    const accuracy = (/** @type {string[]} */ ...words) => JSON.parse(program("eval", "--json", ...folders, ...words)).sequence_accuracy;
    const [kept, was] = [accuracy("--model", file), accuracy()];
    expect(was - kept).toBeLessThanOrEqual(MAX_FORGOTTEN);

    page.on("dialog", (dialog) => dialog.accept());
    await page.locator("#learned-undo").click();
    await expect(page.locator("#learning-text")).toHaveText("The built-in model reads again.");
    await expect(page.locator("#learned")).toBeHidden();
    const before = await right();
    console.log(`  writer ${writer}: learned in ${(took / 1000).toFixed(1)} s; of 50 later grids ${before} right before, ${after} after; MNIST ${was} before, ${kept} after`);
    expect(took).toBeLessThan(MAX_LEARNING);
    expect(after).toBeGreaterThanOrEqual(MIN_LEARNED * later.length);
    expect(before).toBeLessThan(0.5 * later.length);
  });

  test("it can be stopped, and weights that are none are not used", async ({ page }) => {
    await page.goto("./");
    await correct(page, await ownWay(WRITERS[0], 20, false));
    await page.locator("#learn").click();
    await page.locator("#learning-stop").click();
    await expect(page.locator("#learning-text")).toHaveText("Stopped. The model stays as it is.");
    await expect(page.locator("#learning")).toBeHidden();
    await page.evaluate(async () => {
      const store = await import((/** @type {HTMLLinkElement} */ (document.querySelector("link[href$='store.js']"))).href);
      const server = await import((/** @type {HTMLLinkElement} */ (document.querySelector("link[href$='server.js']"))).href);
      const { digest } = await server.request("api/model");
      await store.keep({ tensors: new Blob(["no tensors"]), learned: 15, base: digest });
    });
    await expect(page.locator("#learned")).toBeVisible();
    await page.reload();
    await expect(page.locator("#learning-text")).toHaveText(/^The learned model cannot be used: .*safetensors/);
    await expect(page.locator("#learned")).toBeHidden();
    await expect(page.locator("#model")).toHaveText(/built into the page/);
    await page.locator("#sample").click();
    await expect(page.locator("#digits b").last()).not.toBeEmpty();
  });
});

test("a database of the first version keeps its corrections, and one that another tab holds stops no reading", async ({ page, context }) => {
  const old = await context.newPage();
  await old.goto("./sw.js");
  await old.evaluate(() => new Promise((resolve) => {
    const opening = indexedDB.open("mnist2x2", 1);
    opening.onupgradeneeded = () => {
      const store = opening.result.createObjectStore("corrections", { autoIncrement: true });
      store.createIndex("key", "key", { unique: true });
      store.add({ key: "old", right: "1234" });
    };
    opening.onsuccess = () => {
      /** @type {any} */ (globalThis).held = opening.result;
      resolve(undefined);
    };
  }));
  await page.goto("./");
  await page.locator("#sample").click();
  await expect(page.locator("#digits b").last()).not.toBeEmpty();
  await expect(page.locator("#learning-text")).toHaveText(/^What is kept in this browser cannot be reached: .*close that tab/);
  await old.close();
  await page.reload();
  await expect(page.locator("#kept")).toHaveText(/^1 correction is kept/);
});

test.describe("as the program", () => {
  test.skip(({ isMobile }) => isMobile, "a screen makes no difference");

  test("500 drawings, 100 pictures and 20 photographs are read as the program reads them", async ({ page }) => {
    test.setTimeout(600_000);
    const program = await startProgram();
    await page.goto("./");
    const [strokes, photos] = [await drawings(500), await photographs(10)];
    const bodies = [...strokes.map((drawing) => JSON.stringify(drawing)), ...await pngs(page, 100), ...photos];
    expect(photos.length).toBeGreaterThan(0);
    const answers = await bySite(page, bodies);
    /** @type {string[]} */
    const wrong = [];
    for (const [index, body] of bodies.entries()) {
      const { status, body: found } = answers[index];
      wrong.push(...differences({ status, found }, await byProgram(program.url, body), `input ${index}`));
    }
    await program.stop();
    expect(wrong).toEqual([]);
    const [least, middle] = [0, 250].map((at) => answers.slice(0, 500).map(({ time }) => time).sort((a, b) => a - b)[at]);
    const ofPictures = answers.slice(500, 600).map(({ time }) => time).sort((a, b) => a - b)[50];
    console.log(`  a drawing is read in ${least.toFixed(1)} ms at best, half of them within ${middle.toFixed(1)} ms, half of the pictures within ${ofPictures.toFixed(1)} ms`);
    // The fastest says what a reading takes, the others what else the machine does.
    expect(least).toBeLessThan(MAX_READING);
  });
});
