// @ts-check
/** Pictures that come in by paste, drop or file, and the picture of a drawing that goes out. */

import { SIDE } from "./document.js";
import { drawPicture, drawStrokes, upright } from "./pad.js";

/** @typedef {import("./document.js").Content} Content */
/** @typedef {import("./document.js").Grid} Grid */
/** @typedef {import("./document.js").Picture} Picture */

/** The types of pictures that are sent as they came. */
const SENT_TYPES = ["image/png", "image/jpeg", "image/webp"];
/** The most bytes and pixels of one that is sent as it came; the server takes a little more. */
const [MAX_SENT_BYTES, MAX_SENT_PIXELS] = [20e6, 60e6];
/** The longest side and the most bytes of a picture that is drawn anew. */
const [MAX_SIDE, MAX_BYTES] = [1024, 1 << 20];

/**
 * The first picture in what was pasted or dropped.
 * @param {DataTransfer | null} data @returns {File | undefined}
 */
export const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));

/**
 * A file as the server takes it: a PNG, JPEG or WebP as it came, a huge one or any other picture as a small PNG.
 * @param {Blob} file @returns {Promise<Picture>}
 */
export async function opened(file) {
  const bitmap = await bitmapOf(file);
  const { width, height } = bitmap;
  const isSmall = file.size <= MAX_SENT_BYTES && width * height <= MAX_SENT_PIXELS;
  const isSent = isSmall && SENT_TYPES.includes(file.type) && !(await isTurnedWebP(file));
  return isSent ? { file, width, height } : redrawn(bitmap);
}

/**
 * Whether a WebP may hold a camera's note: the server turns it by that, and browsers do not.
 * @param {Blob} file
 */
async function isTurnedWebP(file) {
  const head = new Uint8Array(await file.slice(0, 21).arrayBuffer());
  return String.fromCharCode(...head.subarray(8, 16)) === "WEBPVP8X" && (head[20] & 8) !== 0;
}

/**
 * The drawing as a PNG: dark ink on white paper, or the picture.
 * @param {Content} content @param {Grid} grid
 */
export async function png(content, grid) {
  if (content.picture) return (await redrawn(await bitmapOf(content.picture.file))).file;
  const { canvas, context } = paper(grid.cols * SIDE, grid.rows * SIDE);
  drawStrokes(context, content, grid);
  return encoded(canvas);
}

/** @param {Blob} file */
async function bitmapOf(file) {
  try {
    return await upright(file);
  } catch {
    throw new Error("This is no picture that the browser can open; try a PNG or JPEG.");
  }
}

/** @param {ImageBitmap} bitmap @returns {Promise<Picture>} */
async function redrawn(bitmap, most = MAX_SIDE) {
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side)));
  const { canvas, context } = paper(width, height);
  drawPicture(context, bitmap, width, height);
  const file = await encoded(canvas);
  return file.size <= MAX_BYTES ? { file, width, height } : redrawn(bitmap, Math.max(width, height) / 2);
}

/** @param {number} width @param {number} height */
function paper(width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser draws no pictures");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.strokeStyle = "#000";
  return { canvas, context };
}

/** @param {HTMLCanvasElement} canvas @returns {Promise<Blob>} */
const encoded = (canvas) =>
  new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the browser cannot write this picture"))));
  });

/** The bytes in base64, as JSON carries them. @param {Blob} blob @returns {Promise<string>} */
export const base64 = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });

/** Has the browser save a file. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
