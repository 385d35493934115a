// @ts-check
/** Drawing, reading, undoing; by mouse, finger, pen and keys. */

import { Hand, SOON, expect, expectShown, shown, test, timeReading } from "./support.js";

for (const kind of /** @type {const} */ (["mouse", "touch", "pen"])) {
  test(`four digits drawn by ${kind} are read soon`, async ({ page, hasTouch }) => {
    test.skip(kind === "touch" && !hasTouch, "this screen cannot be touched");
    await page.goto("./");
    const took = await timeReading(page, "4729", () => new Hand(page, kind).write("4729"));
    console.log(`  read ${took} ms after the ${kind} was lifted`);
    expect(took).toBeLessThan(SOON);
    await expect(page.locator("#digits .note").first()).toHaveText(/^\d+ %$/);
    await expect(page.locator("#sure")).toHaveText(/^\d+ % sure of all$/);
    await expect(page.locator("#announcement")).toHaveText(/^Read 4, 7, 2, 9\. /);
  });
}

test("it reads while one draws, one request at a time, and drops what is out of date", async ({ page, hand }) => {
  let [open, most, count] = [0, 0, 0];
  await page.route("**/api/predict*", async (route) => {
    most = Math.max(most, ++open);
    count += 1;
    await new Promise((resolve) => setTimeout(resolve, 150));
    const response = await route.fetch();
    open -= 1;
    await route.fulfill({ response });
  });
  await page.goto("./");
  await page.mouse.move(0, 0);
  const draft = page.waitForResponse("**/api/predict*");
  const box = await page.locator("#canvas").boundingBox();
  if (!box) throw new Error("there is nothing to draw on");
  await page.mouse.move(box.x + 40, box.y + 40);
  await page.mouse.down();
  for (let step = 0; step < 12; step++) {
    await page.mouse.move(box.x + 40 + step, box.y + 40 + 5 * step);
    await page.waitForTimeout(25);
  }
  await draft;
  await page.mouse.up();
  await page.locator("#clear").click();
  await hand.write("2_1_");
  await page.locator("#clear").click();
  await page.waitForTimeout(500);
  expect(await shown(page)).toBe("____");
  expect(most).toBe(1);
  expect(count).toBeGreaterThan(1);
});

test("strokes are undone and redone, cells cleared", async ({ page, hand }) => {
  await page.goto("./");
  await expect(page.locator("#undo")).toBeDisabled();
  await hand.write("_32_");
  await expectShown(page, "_32_");
  await page.locator("#undo").click();
  await expect.poll(() => drawn(page)).toEqual([0, 3, 1, 0]);
  await page.keyboard.press("Control+z");
  await expect.poll(() => drawn(page)).toEqual([0, 3, 0, 0]);
  await page.keyboard.press("Control+Shift+z");
  await page.locator("#redo").click();
  await expectShown(page, "_32_");
  await page.locator("#clear-cell").click();
  await expectShown(page, "_3__");
  await page.locator("#clear").click();
  await expectShown(page, "____");
  await expect(page.locator("#attention")).toBeHidden();
  await page.locator("#undo").click();
  await expectShown(page, "_3__");
});

test("a stroke belongs to the cell that holds most of it", async ({ page, hand }) => {
  await page.goto("./");
  await hand.stroke(0, [[200, 100], [240, 110], [330, 120], [380, 140], [460, 150]]);
  expect(await drawn(page)).toEqual([0, 1, 0, 0]);
  await hand.stroke(2, [[20, 20]]);
  expect(await drawn(page)).toEqual([0, 1, 1, 0]);
});

test("only the first finger draws, and a second does not harm", async ({ page, hasTouch }) => {
  test.skip(!hasTouch, "this screen cannot be touched");
  await page.goto("./");
  const box = await page.locator("#canvas").boundingBox();
  if (!box) throw new Error("there is nothing to draw on");
  const session = await page.context().newCDPSession(page);
  const [one, two] = [{ x: box.x + 50, y: box.y + 50, id: 1 }, { x: box.x + 250, y: box.y + 250, id: 2 }];
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [one] });
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [one, two] });
  const moved = { ...one, y: box.y + 120 };
  await session.send("Input.dispatchTouchEvent", { type: "touchMove", touchPoints: [moved, two] });
  await session.send("Input.dispatchTouchEvent", { type: "touchCancel", touchPoints: [] });
  await expect.poll(() => drawn(page)).toEqual([1, 0, 0, 0]);
});

test("all of it works by keyboard", async ({ page }) => {
  await page.goto("./");
  await page.keyboard.press("Tab");
  await expect(page.locator(".cell").first()).toBeFocused();
  await page.keyboard.press("7");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("1");
  await page.keyboard.press("ArrowDown");
  await expect(page.locator(".cell").nth(3)).toBeFocused();
  await page.keyboard.press("4");
  await expect.poll(() => drawn(page)).toEqual([1, 1, 0, 2]);
  await page.keyboard.press("Delete");
  await page.keyboard.press("Control+z");
  await expect.poll(() => drawn(page)).toEqual([1, 1, 0, 2]);
  await expect(page.locator("#digits b").first()).not.toBeEmpty();
  while (!(await page.evaluate("document.activeElement.classList.contains('tile')"))) await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("8");
  await expect(page.locator("#digits b").nth(1)).toHaveText("8");
  await page.keyboard.press("Enter");
  await expect(page.locator("#picker")).toBeVisible();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Escape");
  await expect(page.locator("#picker")).toBeHidden();
  await expect(page.locator(".tile").nth(1)).toBeFocused();
  while (!(await page.evaluate("document.activeElement.classList.contains('patch')"))) await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowDown");
  await expect(page.locator("#patch")).toHaveText(/^1st digit: .; patch in row 2, column 1: \d+\.\d %$/);
});

test("samples are drawn, and the drawing survives a reload and a turn of the screen", async ({ page }) => {
  await page.goto("./");
  await page.locator("#sample").click();
  const before = await drawn(page);
  expect(Math.min(...before)).toBeGreaterThan(0);
  await page.reload();
  expect(await drawn(page)).toEqual(before);
  await page.setViewportSize({ width: 740, height: 360 });
  // It is painted anew in the next frame.
  await expect.poll(() => page.evaluate(() => {
    const canvas = /** @type {HTMLCanvasElement} */ (document.querySelector("#canvas"));
    return Math.abs(canvas.width / canvas.clientWidth - devicePixelRatio);
  })).toBeLessThan(0.05);
});

/** How many strokes there are in each cell. @param {import("@playwright/test").Page} page */
const drawn = async (page) => {
  const labels = await page.locator(".cell").evaluateAll((cells) => cells.map((cell) => cell.getAttribute("aria-label") ?? ""));
  return labels.map((label) => Number(/: (\d+) stroke/.exec(label)?.[1] ?? 0));
};
