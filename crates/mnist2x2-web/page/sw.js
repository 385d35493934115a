// @ts-check
/** Keeps the page for work without a network: all its files of one version together, and never those of two. */

/** What `cargo xtask site` fills in: the version, and the paths of all files. @type {{version: string, paths: string[]}} */
const FILES = /* files */ { version: "", paths: [] };
const NAME = `mnist2x2 ${new URL("./", location.href).pathname} `;
const worker = /** @type {any} */ (globalThis);

worker.addEventListener("install", (/** @type {any} */ event) =>
  event.waitUntil(caches.open(NAME + FILES.version).then((cache) => cache.addAll(["./", ...FILES.paths]))));
worker.addEventListener("activate", (/** @type {any} */ event) =>
  event.waitUntil(caches.keys().then((names) =>
    Promise.all(names.filter((name) => name.startsWith(NAME) && name !== NAME + FILES.version).map((name) => caches.delete(name))))));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  if (event.request.method !== "GET") return;
  event.respondWith(caches.open(NAME + FILES.version)
    .then((cache) => cache.match(event.request, { ignoreSearch: true, ignoreVary: true }))
    .then((kept) => kept ?? fetch(event.request)));
});
