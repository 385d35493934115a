// @ts-check
/** The program that people start, with the model that it ships: drawn, read, corrected, exported. */

import { readFile } from "node:fs/promises";

import { Hand, SOON, expect, expectNoFindings, expectShown, look, modelTest as test, stored, timeReading } from "./support.js";

/** @typedef {import("../page/document.js").Stroke} Stroke */
/** @typedef {{digits: string, drawing: {cells: Stroke[][]}}} Grid */

/** @type {Grid[]} Grids of digits drawn for tests. */
const grids = (await readFile(new URL("../../mnist2x2-load/drawings.jsonl", import.meta.url), "utf8"))
  .split("\n").filter(Boolean).map((line) => JSON.parse(line));

/** @param {Hand} hand @param {Grid} grid */
async function draw(hand, { drawing }) {
  for (const [cell, strokes] of drawing.cells.entries()) {
    for (const stroke of strokes) await hand.stroke(cell, stroke);
  }
}

for (const kind of /** @type {const} */ (["mouse", "touch", "pen"])) {
  test(`the model reads within ${SOON} ms what is drawn by ${kind}`, async ({ page, hasTouch }) => {
    test.skip(kind === "touch" && !hasTouch, "this screen cannot be touched");
    const hand = new Hand(page, kind);
    for (const grid of grids.slice(0, 3)) {
      await page.goto("./");
      await page.evaluate("localStorage.clear()");
      await page.reload();
      const took = await timeReading(page, grid.digits, () => draw(hand, grid));
      console.log(`  ${grid.digits} read ${took} ms after the ${kind} was lifted`);
      expect(took).toBeLessThan(SOON);
    }
  });
}

test("the model's reading is corrected, exported, undone, cleared and pasted", async ({ page, hand }, info) => {
  const [grid] = grids;
  await page.goto("./");
  await draw(hand, grid);
  await expectShown(page, grid.digits);
  await expect(page.locator("#maps figure")).toHaveCount(5);
  await expectNoFindings(page);
  await look(page, info.project.name, "model");

  await page.locator(".tile").nth(2).focus();
  await page.keyboard.press("6");
  await expect(page.locator("#status")).toHaveText(/^Stored: 4769 instead of 4729/);
  expect((await stored(page)).at(-1)).toMatchObject({ read: "4729", right: "4769", source: "page" });

  const saving = page.waitForEvent("download");
  await page.locator("#save").click();
  const bytes = await readFile(await (await saving).path());
  await page.locator("#undo").click();
  await expect.poll(async () => (await page.locator("#digits b").nth(3).textContent()) ?? "").not.toBe("9");
  await page.locator("#clear").click();
  await expectShown(page, "____");
  await page.evaluate((base64) => {
    const data = new DataTransfer();
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], "digits.png", { type: "image/png" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
  }, bytes.toString("base64"));
  await expectShown(page, grid.digits);
});

test("the model reads what the keyboard draws", async ({ page }) => {
  await page.goto("./");
  await page.keyboard.press("Tab");
  for (const key of ["3", "ArrowRight", "8", "ArrowDown", "5"]) await page.keyboard.press(key);
  await expectShown(page, "38_5");
});
