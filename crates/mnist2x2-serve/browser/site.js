// @ts-check
/** The site that needs no server of ours: a plain server of files, and the way by which tests see what the page asks its model. */

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

/** The folder of the site, if it is what is tested. */
export const SITE = process.env.SITE ?? "";
/** Where it lies on its server. */
const PATH = "/some/sub-path/";
const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".wasm": "application/wasm", ".md": "text/markdown",
});

/**
 * Serves the site's files. What a test's page puts under `answers/` is the answer to a question with that number.
 * @returns {Promise<{url: string, asked: string[], stop: () => Promise<void>}>} with all paths that were asked for
 */
export async function serveSite() {
  /** @type {Map<string, {status: number, body: unknown}>} */
  const answers = new Map();
  /** @type {string[]} */
  const asked = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://files");
    const path = pathname.startsWith(PATH) ? pathname.slice(PATH.length) : "";
    asked.push(pathname);
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method === "PUT") {
      answers.set(path, JSON.parse(Buffer.concat(chunks).toString()));
      return response.end();
    }
    const answer = answers.get(`answers/${request.headers["x-answer"]}`);
    if (answer) return response.writeHead(answer.status, { "Content-Type": "application/json" }).end(JSON.stringify(answer.body));
    const name = normalize(path || "index.html");
    const file = await (pathname.startsWith(PATH) ? readFile(join(SITE, name)).catch(() => null) : null);
    if (!file) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream", "Cache-Control": "max-age=600" }).end(file);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const stop = async () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${port}${PATH}`, asked, stop };
}

/**
 * In the page: sends each answer of its model over the network once, as if a server had given it, so that tests can hold it
 * back and change it.
 */
export function detour() {
  const [Plain, plainly] = [Worker, fetch];
  globalThis.Worker = class extends Plain {
    /** @type {Map<number, {path: string, body: any}>} */ asked = new Map();

    /** @param {string | URL} url @param {WorkerOptions} [options] */
    constructor(url, options) {
      super(url, options);
      this.addEventListener("message", async (event) => {
        const { id } = event.data;
        const question = this.asked.get(id);
        if (!question || !this.asked.delete(id)) return;
        event.stopImmediatePropagation();
        const number = crypto.randomUUID();
        await plainly(`answers/${number}`, { method: "PUT", body: JSON.stringify(event.data) });
        const { path, body } = question;
        const asking = { method: body ? "POST" : "GET", headers: { "X-Answer": number }, body };
        const data = await fetch(path, asking).then(async (response) => ({ id, status: response.status, body: await response.json() }))
          .catch(() => ({ failed: "The model does not answer.", isFinal: false }));
        this.dispatchEvent(new MessageEvent("message", { data }));
      });
    }

    /** @param {any} question */
    postMessage(question) {
      this.asked.set(question.id, question);
      super.postMessage(question);
    }
  };
}

/** What the browser has stored. @param {import("@playwright/test").Page} page @returns {Promise<string>} lines of JSON */
export const storedLines = (page) => page.evaluate(async () => {
  const link = /** @type {HTMLLinkElement} */ (document.querySelector("link[href$='store.js']"));
  return (await (await import(link.href)).lines()).join("");
});
