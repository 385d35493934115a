// @ts-check
/** What people corrected, in the browser's own database: the rows of the server's store. */

/** @typedef {import("./corrections.js").Correction} Correction */

/** @type {Promise<IDBDatabase> | null} */ let database = null;
/** Says "change" when there is one correction more, or none is left. */
export const changes = new EventTarget();

/** @template T @param {IDBRequest<T>} asked @returns {Promise<T>} */
const done = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

/** @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore>} */
async function corrections(mode) {
  if (!database) {
    const opening = indexedDB.open("mnist2x2", 1);
    opening.onupgradeneeded = () =>
      opening.result.createObjectStore("corrections", { autoIncrement: true }).createIndex("key", "key", { unique: true });
    database = done(opening);
    database.catch(() => (database = null));
  }
  return (await database).transaction("corrections", mode, { durability: "strict" }).objectStore("corrections");
}

/** Keeps a correction; one that is there already, by its key, is left as it is. @param {Correction} correction */
export async function add(correction) {
  const store = await corrections("readwrite");
  const isKnown = (await done(store.index("key").count(correction.key))) > 0;
  if (!isKnown) await done(store.add({ time: Date.now(), ...correction }));
  changes.dispatchEvent(new Event("change"));
  return { key: correction.key, new: !isKnown };
}

export const count = async () => done((await corrections("readonly")).count());

/** All of them, oldest first, as `mnist2x2 corrections import` takes them: a line of JSON each. */
export async function lines() {
  const all = await done((await corrections("readonly")).getAll());
  return all.map((correction) => `${JSON.stringify(correction)}\n`);
}

export async function clear() {
  await done((await corrections("readwrite")).clear());
  changes.dispatchEvent(new Event("change"));
}
