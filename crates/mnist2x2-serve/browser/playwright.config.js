// @ts-check
/** How the tests run: in the system's Chromium, on a phone with a finger and on a desk with a mouse. */

import { defineConfig } from "@playwright/test";

const launchOptions = { executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] };

export default defineConfig({
  testDir: ".",
  outputDir: "results",
  reporter: "list",
  workers: 1,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  use: { launchOptions, trace: "off" },
  projects: [
    { name: "phone", use: { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 } },
    { name: "desk", use: { viewport: { width: 1440, height: 900 } } },
  ],
});
