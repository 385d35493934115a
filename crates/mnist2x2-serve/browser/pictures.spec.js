// @ts-check
/** Pictures of any arrangement, read by the model that the program ships: each digit is shown where it was found. */

import { createHash } from "node:crypto";

import { SIDE } from "../page/document.js";
import { sample } from "../page/samples.js";
import { Hand, boxes, expect, expectNoFindings, expectShown, hold, look, modelTest as test, open, picture, pressAtOnce, stored } from "./support.js";

/** Each digit's box is no farther than this from where it was drawn, in pixels of the picture. */
const NEAR = 25;

const arrangements = [
  { name: "one digit", drawn: ["7"], lines: ["7"], places: ["row 1, column 1"] },
  { name: "a row", drawn: ["40981"], lines: ["40981"], places: ["digit 1", "digit 5"] },
  { name: "lines", drawn: ["31____", "__41__", "____59"], lines: ["31", "41", "59"], places: ["line 1, digit 1", "line 3, digit 2"] },
  { name: "a grid", drawn: ["27_1", "_828"], lines: ["27_1", "_828"], places: ["row 1, column 1", "row 2, column 4"] },
];

for (const { name, drawn, lines, places } of arrangements) {
  test(`${name} in a picture is read, with a box around each digit`, async ({ page }, info) => {
    await page.goto("./");
    const made = await picture(page, drawn);
    await open(page, made.buffer);
    await expectShown(page, lines.join(""));
    await expect(page.locator("#digits > li")).toHaveText(lines.map((line) => new RegExp(`^${line[0].replace("_", "")}`)));
    await expect(page.locator(".box")).toHaveText(Array.from(lines.join("").replaceAll("_", "")));
    for (const [index, [x, y]] of (await boxes(page, made)).entries()) {
      expect(Math.hypot(x - made.middles[index][0], y - made.middles[index][1])).toBeLessThan(NEAR);
    }
    const tiles = page.locator("#digits .tile");
    await expect(tiles.first()).toContainText(places[0]);
    await expect(tiles.last()).toContainText(places[places.length - 1]);
    const spoken = lines.map((line) => Array.from(line).join(", ").replaceAll("_", "empty")).join("; ");
    // Lines of no even length may be something else.
    const sure = name === "lines" ? "Not sure: \\d+ %" : "\\d+ % sure";
    await expect(page.locator("#announcement")).toHaveText(new RegExp(`^Read ${spoken}\\. ${sure}\\.$`));
    await expect(page.locator("#advice")).toHaveText("Wrong? Click a digit, or go to it and press the right one.");
    // Where nothing was found there is nothing to correct.
    const { length } = lines.join("").replaceAll("_", "");
    await expect(page.locator("#digits button.tile")).toHaveCount(length);
    await expectNoFindings(page);
    await look(page, info.project.name, "picture", name.replace(" ", "-"));
  });

  test(`${name} in a picture is corrected, also to no digit, and stored as it was found`, async ({ page }) => {
    await page.goto("./");
    await open(page, (await picture(page, drawn)).buffer);
    const read = lines.join("");
    await expectShown(page, read);
    const buttons = page.locator("#digits button.tile");
    const found = read.replaceAll("_", "");
    const first = read[0] === "9" ? "3" : "9";
    await buttons.first().focus();
    await pressAtOnce(page, first);
    await expectShown(page, first + read.slice(1));
    await expect(page.locator(".box").first()).toHaveText(first);
    await expect(page.locator("#status")).toHaveText(`Stored: ${first}${found.slice(1)} instead of ${found}. Thank you.`);
    await buttons.last().focus();
    await page.keyboard.press("Delete");
    const right = found.length > 1 ? `${first}${found.slice(1, -1)}_` : "_";
    await expect(page.locator("#status")).toHaveText(`Stored: ${right} instead of ${found}. Thank you.`);
    await expect(page.locator(".box").last()).toHaveText("none");
    await expect(buttons.last()).toHaveText(new RegExp(`was ${found.at(-1)}, now no digit, `));
    const corrections = (await stored(page)).slice(-2);
    expect(corrections.map(({ right }) => right)).toEqual([first + found.slice(1), right]);
    for (const { read, found: pixels, picture, strokes } of corrections) {
      expect([read, picture, strokes]).toEqual([found, undefined, undefined]);
      expectDigits(pixels, found.length);
    }
  });
}

/** Where the middle of each digit's ink lies in a correction, in pixels of the 28 x 28 of each. @param {string} found in base64 */
function middlesOfInk(found) {
  const pixels = Buffer.from(found, "base64");
  return Array.from({ length: pixels.length / (28 * 28) }, (_, digit) => {
    const grays = Array.from(pixels.subarray(784 * digit, 784 * (digit + 1)));
    const ink = grays.reduce((sum, gray) => sum + gray, 0);
    return [(/** @type {number} */ i) => i % 28, (/** @type {number} */ i) => Math.floor(i / 28)]
      .map((at) => Math.round(grays.reduce((sum, gray, i) => sum + gray * at(i), 0) / ink));
  });
}

/** Demands that so many digits were stored as MNIST's look: the middle of the ink is that of the square. @param {string} found @param {number} count */
function expectDigits(found, count) {
  const middles = middlesOfInk(found);
  expect(middles.length).toBe(count);
  for (const [x, y] of middles) expect(Math.max(Math.abs(x - 14), Math.abs(y - 14))).toBeLessThanOrEqual(1);
}

test("digits are corrected by a click, beside their line and in the picture", async ({ page, hasTouch }, info) => {
  await page.goto("./");
  await open(page, (await picture(page, ["31____", "__41__", "____59"])).buffer);
  await expectShown(page, "314159");
  const hit = (/** @type {import("@playwright/test").Locator} */ target) => (hasTouch ? target.tap() : target.click());
  const picker = page.locator("#picker");
  await hit(page.locator("button.tile").nth(2));
  await expect(picker).toHaveAttribute("aria-label", "The digit line 2, digit 1 is");
  expect(await picker.evaluate((picker) => Array.from(document.querySelectorAll("#digits > li")).indexOf(/** @type {any} */ (picker.parentElement)))).toBe(1);
  await expect(picker).toBeInViewport();
  await expectNoFindings(page);
  await look(page, info.project.name, "picture", "correcting");
  await hit(picker.getByRole("button", { name: "7", exact: true }));
  await expectShown(page, "317159");
  await expect(picker).toBeHidden();
  await expect(page.locator("button.tile").nth(2)).toBeFocused();
  // The box of a digit leads to the same.
  await hit(page.locator(".box").nth(5));
  await expect(page.locator("button.tile").nth(5)).toBeFocused();
  await expect(picker).toHaveAttribute("aria-label", "The digit line 3, digit 2 is");
  await hit(picker.getByRole("button", { name: "no digit" }));
  await expect(page.locator("#status")).toHaveText("Stored: 31715_ instead of 314159. Thank you.");
  expect((await stored(page)).at(-1)).toMatchObject({ read: "314159", right: "31715_" });
  // What is right after all is taken back.
  await page.locator("button.tile").nth(5).focus();
  await page.keyboard.press("ArrowLeft");
  await expect(page.locator("button.tile").nth(4)).toBeFocused();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("9");
  await expect(page.locator(".tile.corrected")).toHaveCount(1);
});

test("digits that touch are corrected one by one", async ({ page }) => {
  await page.goto("./");
  await open(page, (await picture(page, ["2222"], "image/png", false, 64)).buffer);
  await expectShown(page, "2222");
  // What touches is never sure.
  await expect(page.locator("#sure")).toHaveText(/^Not sure: /);
  await expect(page.locator(".box")).toHaveCount(4);
  await page.locator("button.tile").nth(1).focus();
  await page.keyboard.press("7");
  await expect(page.locator("#status")).toHaveText("Stored: 2722 instead of 2222. Thank you.");
  await expect(page.locator(".box").nth(1)).toHaveText("7");
  await expectNoFindings(page);
  expectDigits((await stored(page)).at(-1).found, 4);
});

test("the picker comes back to its place when another reading is shown", async ({ page }) => {
  await page.goto("./");
  await open(page, (await picture(page, ["408"])).buffer);
  await expectShown(page, "408");
  await page.locator("button.tile").nth(1).click();
  await expect(page.locator("#digits #picker")).toBeVisible();
  await page.locator("#clear").click();
  await expectShown(page, "____");
  await expect(page.locator("#digits #picker")).toHaveCount(0);
  await expect(page.locator("#picker")).toBeHidden();
});

for (const width of [320, 360, 768, 1440]) {
  test(`at ${width} pixels every digit of a picture can be hit`, async ({ page }) => {
    await page.setViewportSize({ width, height: 700 });
    await page.goto("./");
    await open(page, (await picture(page, ["40981275", "31______", "27_1_828"])).buffer);
    await expect(page.locator("button.tile")).toHaveCount(16);
    await page.locator("button.tile").last().click();
    await expect(page.locator("#picker")).toBeInViewport();
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
    const small = await page.locator("#digits button").evaluateAll((all) => all.flatMap((element) => {
      const { width, height } = element.getBoundingClientRect();
      return width < 44 || height < 44 ? [`${element.textContent} ${width} x ${height}`] : [];
    }));
    expect(small).toEqual([]);
  });
}

test("digits of a picture in the model's own grid can be corrected", async ({ page }, info) => {
  await page.goto("./");
  const made = await picture(page, ["47", "29"]);
  await open(page, made.buffer);
  await expectShown(page, "4729");
  await expect(page.locator(".box")).toHaveCount(4);
  await page.locator("button.tile").nth(2).focus();
  await page.keyboard.press("5");
  await expect(page.locator("#status")).toHaveText(/^Stored: 4759 instead of 4729/);
  await expect(page.locator(".box").nth(2)).toHaveText("5");
  await expect(page.locator(".box").nth(2)).toHaveClass(/corrected/);
  expect((await stored(page)).at(-1)).toMatchObject({ read: "4729", right: "4759" });
  await page.locator("button.tile").last().click();
  await page.locator("#picker").getByRole("button", { name: "no digit" }).click();
  await expect(page.locator("#status")).toHaveText(/^Stored: 475_ instead of 4729/);
  await expect(page.locator(".box").last()).toHaveText("none");
  await look(page, info.project.name, "picture", "corrected");
  // The next drawing takes the picture's place, and its boxes'.
  await page.locator("#clear").click();
  await expect(page.locator(".box")).toHaveCount(0);
  await page.locator("#undo").click();
  await expectShown(page, "475_");
  await expect(page.locator(".box")).toHaveCount(4);
});

test("where there are no digits the page says so", async ({ page }) => {
  await page.goto("./");
  await open(page, (await picture(page, [])).buffer);
  await expect(page.locator("#digits")).toHaveText("No digits were found.");
  await expect(page.locator("#announcement")).toHaveText("No digits were found.");
  await expect(page.locator("#sure")).toBeEmpty();
  await expect(page.locator("#attention")).toBeHidden();
  await expect(page.locator(".box")).toHaveCount(0);
  await expect(page.locator("#advice")).toBeHidden();
  await expectNoFindings(page);
  // Cells to draw in are back with the next drawing.
  await page.locator("#clear").click();
  await expectShown(page, "____");
});

test("a reading that is not sure says so", async ({ page }) => {
  await page.route("**/api/predict*", async (route) => {
    const response = await route.fetch();
    const reading = await response.json();
    const cells = reading.cells.with(1, { ...reading.cells[1], confidence: 0.4 });
    await route.fulfill({ response, json: { ...reading, sure: false, confidence: 0.38, cells } });
  });
  await page.goto("./");
  await open(page, (await picture(page, ["408"])).buffer);
  await expectShown(page, "408");
  await expect(page.locator("#sure")).toHaveText("Not sure: 38 %");
  await expect(page.locator("#announcement")).toHaveText("Read 4, 0, 8. Not sure: 38 %.");
  await expect(page.locator(".tile.unsure, .box.unsure")).toHaveCount(2);
  await expectNoFindings(page);
});

/** The JPEG with a camera's note that it lies on its left side (EXIF, orientation 6). @param {Buffer} jpeg */
function withNote(jpeg) {
  const exif = Buffer.from("4578696600004d4d002a0000000800010112000300000001000600000000" + "0000", "hex");
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0, exif.length + 2]), exif, jpeg.subarray(2)]);
}

/** The WebP with the same note, which browsers do not follow. @param {Buffer} webp with an extended header */
function withWebPNote(webp) {
  const chunk = Buffer.from("4558494600000000" + "4d4d002a0000000800010112000300000001000600000000" + "0000", "hex");
  chunk.writeUInt32LE(chunk.length - 8, 4);
  const noted = Buffer.concat([webp, chunk]);
  noted.writeUInt32LE(noted.length - 8, 4);
  noted[20] |= 8;
  return noted;
}

/** The darkest gray of what is shown in each box. @param {import("./support.js").Page} page */
const inkInBoxes = (page) => page.evaluate(() => {
  const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("#canvas"));
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const [frame, scale] = [canvas.getBoundingClientRect(), canvas.width / canvas.clientWidth];
  return Array.from(document.querySelectorAll(".box"), (element) => {
    const { x, y, width, height } = element.getBoundingClientRect();
    const box = [x - frame.x, y - frame.y, width, height].map((side) => Math.round(scale * side));
    const { data } = context.getImageData(box[0], box[1], box[2], box[3]);
    return Math.min(...data.filter((_, index) => index % 4 === 0));
  });
});

/** Keeps the picture that is sent last, which the browser does not tell. @param {import("./support.js").Page} page */
const keepSent = (page) => page.addInitScript(() => {
  const { fetch } = globalThis;
  globalThis.fetch = (path, options) => {
    if (options?.body instanceof Blob) /** @type {any} */ (globalThis).sent = options.body;
    return fetch(path, options);
  };
});

/** That picture's type, size and SHA-256. @param {import("./support.js").Page} page */
const sent = (page) => page.evaluate(async () => {
  const { sent } = /** @type {any} */ (globalThis);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await sent.arrayBuffer()));
  return { type: sent.type, size: sent.size, digest: Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") };
});

/** @param {Buffer} file @param {string} type */
const asItCame = (file, type) => ({ type, size: file.length, digest: createHash("sha256").update(file).digest("hex") });

test("a photograph is sent as it came, and its boxes fit when it stands upright", async ({ page }, info) => {
  await keepSent(page);
  await page.goto("./");
  const made = await picture(page, ["40981275"], "image/jpeg", true);
  const file = withNote(made.buffer);
  await open(page, file, "image/jpeg");
  await expectShown(page, "40981275");
  expect(await sent(page)).toEqual(asItCame(file, "image/jpeg"));
  for (const [index, [x, y]] of (await boxes(page, made)).entries()) {
    expect(Math.hypot(x - made.middles[index][0], y - made.middles[index][1])).toBeLessThan(NEAR);
  }
  await expect.poll(async () => Math.max(...await inkInBoxes(page))).toBeLessThan(100);
  await look(page, info.project.name, "picture", "upright");
});

test("a WebP is sent as it came, a huge or other picture as a small PNG", async ({ page }) => {
  await keepSent(page);
  await page.goto("./");
  const { buffer } = await picture(page, ["31"]);
  const webp = (await picture(page, ["31"], "image/webp")).buffer;
  const gif = Buffer.from("R0lGODlhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=", "base64");
  const huge = Buffer.concat([buffer, Buffer.alloc(20_000_001 - buffer.length)]);
  const largest = huge.subarray(0, 20_000_000);
  for (const [file, type] of /** @type {const} */ ([[webp, "image/webp"], [largest, "image/png"], [huge, "image/png"]])) {
    await open(page, file, type);
    await expectShown(page, "31");
    if (file === huge) expect((await sent(page)).size).toBeLessThan(1 << 20);
    else expect(await sent(page)).toEqual(asItCame(file, type));
    await page.locator("#clear").click();
    await expectShown(page, "____");
  }
  await open(page, withWebPNote(webp), "image/webp");
  await expectShown(page, "31");
  expect((await sent(page)).type).toBe("image/png");
  await open(page, gif, "image/gif");
  await expect(page.locator("#digits")).toHaveText("No digits were found.");
  expect((await sent(page)).type).toBe("image/png");
});

/** @param {import("./support.js").Page} page @param {string} name */
const choose = (page, name) => page.getByRole("radio", { name }).check();

test("digits drawn in one row are read as a row", async ({ page, hasTouch }, info) => {
  await page.goto("./");
  await choose(page, "one row");
  await expect(page.locator("#hint")).toHaveText("digits in one row");
  await expectNoFindings(page);
  const request = page.waitForRequest("**/api/predict*");
  await new Hand(page, hasTouch ? "touch" : "mouse", 4).write("4098");
  expect((await request).url()).toContain("layout=line");
  await expectShown(page, "4098");
  for (const [index, [x, y]] of (await boxes(page, { width: 4 * SIDE, height: SIDE })).entries()) {
    expect(Math.hypot(x - (index + 0.5) * SIDE, y - SIDE / 2)).toBeLessThan(2 * NEAR);
  }
  await expect(page.locator("#digits .tile").last()).toContainText("digit 4");
  await expectNoFindings(page);
  expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
  await look(page, info.project.name, "sheet", "row");
  // A picture would be hard to see in a strip.
  await open(page, (await picture(page, ["27", "18"])).buffer);
  await expectShown(page, "2718");
  await expect(page.getByRole("radio", { name: "free sheet" })).toBeChecked();
});

test("digits drawn anywhere on a free sheet are found, and each sheet is kept", async ({ page, hand }, info) => {
  await page.goto("./");
  await hand.write("12__");
  await choose(page, "free sheet");
  await expectShown(page, "");
  const request = page.waitForRequest("**/api/predict*");
  for (const stroke of sample(7)) await hand.stroke(0, stroke.map(([x, y]) => [x + SIDE / 2, y + SIDE / 2]));
  expect((await request).url()).toContain("layout=auto");
  await expectShown(page, "7");
  await expect(page.locator(".box")).toHaveText("7");
  await expectNoFindings(page);
  await look(page, info.project.name, "sheet", "free");
  await choose(page, "2 x 2 grid");
  await expectShown(page, "12__");
  await expect(page.locator(".box")).toHaveCount(0);
  await choose(page, "free sheet");
  await expectShown(page, "7");
  await page.reload();
  await expect(page.getByRole("radio", { name: "free sheet" })).toBeChecked();
  await expectShown(page, "7");
});

test("what is drawn as a grid on a free sheet can be corrected, until it is changed", async ({ page, hand }) => {
  await page.goto("./");
  await choose(page, "free sheet");
  await hand.write("4729");
  // It is said once nothing changes any more: before, a stroke that is not whole may have been read.
  await expect(page.locator("#announcement")).toHaveText(/^Read 4, 7; 2, 9\./);
  await page.locator("button.tile").first().focus();
  await page.keyboard.press("1");
  await expect(page.locator("#status")).toHaveText(/^Stored: 1729 instead of 4729/);
  await expect(page.locator(".box").first()).toHaveText("1");
  expect(Buffer.from((await stored(page)).at(-1).picture, "base64").subarray(1, 4).toString()).toBe("PNG");
  await page.locator("#undo").click();
  await expect(page.locator(".tile.corrected")).toHaveCount(0);
});

test("what is drawn in a row is corrected, and what is drawn over it is drawn", async ({ page, hasTouch }) => {
  const hand = new Hand(page, hasTouch ? "touch" : "mouse", 4);
  await page.goto("./");
  await choose(page, "one row");
  await hand.write("408_");
  await expect(page.locator("#announcement")).toHaveText(/^Read 4, 0, 8\./);
  await page.locator("button.tile").nth(1).focus();
  await page.keyboard.press("Backspace");
  await expect(page.locator("#status")).toHaveText("Stored: 4_8 instead of 408. Thank you.");
  expectDigits((await stored(page)).at(-1).found, 3);
  // A box on a drawing is in nobody's way.
  await hand.stroke(1, [[60, 140], [220, 140]]);
  await expect(page.locator(".tile.corrected")).toHaveCount(0);
  await expect(page.locator(".tile")).toHaveCount(3);
});

test("what is corrected before the last stroke on a sheet is read stays corrected", async ({ page, hasTouch }) => {
  const hand = new Hand(page, hasTouch ? "touch" : "mouse", 4);
  await page.goto("./");
  await choose(page, "one row");
  await hand.write("41__");
  await expect(page.locator("#announcement")).toHaveText(/^Read 4, 1\./);
  const before = (await stored(page)).length;
  const release = await hold(page);
  for (const stroke of sample(7)) await hand.stroke(2, stroke);
  await page.locator("button.tile").first().focus();
  await pressAtOnce(page, "9");
  release();
  await expectShown(page, "917");
  await expect(page.locator(".tile.corrected")).toHaveCount(1);
  await expect(page.locator("#status")).toHaveText("Stored: 917 instead of 417. Thank you.");
  expect((await stored(page)).slice(before).map(({ right }) => right)).toEqual(["917"]);
});

test("sheets are chosen and drawn on by keyboard", async ({ page }) => {
  await page.goto("./");
  await page.locator("#sheet-grid").focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("#sheet-line")).toBeChecked();
  await expect(page.locator("#sheet-line")).toBeFocused();
  await expect(page.locator("#clear-cell")).toBeHidden();
  await page.locator(".cell").first().focus();
  for (const key of ["3", "ArrowRight", "8", "ArrowRight", "5"]) await page.keyboard.press(key);
  await expectShown(page, "385");
  await expect(page.locator(".cell").first()).toHaveAttribute("aria-label", /^Place 1, /);
});
