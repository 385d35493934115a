// @ts-check
/** What the browser keeps for us. It may refuse, for want of room or by its settings; then we go on without. */

/** @param {string} name @returns {unknown} */
export function load(name) {
  try {
    return JSON.parse(localStorage.getItem(`mnist2x2.${name}`) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value @returns {boolean} whether it is kept */
export function save(name, value) {
  try {
    localStorage.setItem(`mnist2x2.${name}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
