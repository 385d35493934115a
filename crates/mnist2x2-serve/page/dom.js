// @ts-check
/** What one does with a page: find an element, make one, and write numbers. */

/**
 * The element of that id, which the page has.
 * @template {typeof Element} T
 * @param {string} id @param {T} kind
 * @returns {InstanceType<T>}
 */
export function find(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} "${id}"`);
  return /** @type {InstanceType<T>} */ (element);
}

/**
 * A new element with attributes and children.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, string | number>} [attributes] @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/** So many digits in words. @param {number} count */
export const counted = (count) => `${NUMBERS[count] ?? count} ${count === 1 ? "digit" : "digits"}`;

/** @param {number} share @param {number} [decimals] */
export const percent = (share, decimals = 0) => `${(100 * share).toFixed(decimals)} %`;

/**
 * The step that an arrow key makes in rows of `cols`, or 0 if it is another key or would leave them.
 * @param {string} key @param {number} index @param {number} count @param {number} cols
 */
export function step(key, index, count, cols) {
  const column = index % cols;
  if (key === "ArrowLeft") return column > 0 ? -1 : 0;
  if (key === "ArrowRight") return column < cols - 1 ? 1 : 0;
  if (key === "ArrowUp") return index >= cols ? -cols : 0;
  if (key === "ArrowDown") return index + cols < count ? cols : 0;
  return 0;
}
