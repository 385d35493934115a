// @ts-check
/** What people corrected, and the model that learned it, in the browser's own database. Corrections are the rows of the server's store. */

/** @typedef {import("./corrections.js").Correction} Correction */
/**
 * @typedef {object} Model
 * @property {Blob} tensors  a `.safetensors`
 * @property {number} learned  how many corrections
 * @property {string} base  SHA-256 of the weights that it began with
 */

/** The stores of the database. */
const [CORRECTIONS, MODEL] = ["corrections", "model"];
/** The only key in the store of the model. */
const KEY = "learned";
/** The longest wait for the database, in milliseconds. */
const PATIENCE = 3000;

/** @type {Promise<IDBDatabase> | null} */ let database = null;
/** Says "change" when there is one correction more, or none is left, or another model. */
export const changes = new EventTarget();

/** @template T @param {IDBRequest<T>} asked @returns {Promise<T>} */
const done = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

/** @returns {Promise<IDBDatabase>} */
function open() {
  const opening = indexedDB.open("mnist2x2", 2);
  opening.onupgradeneeded = ({ oldVersion }) => {
    if (oldVersion < 1) opening.result.createObjectStore(CORRECTIONS, { autoIncrement: true }).createIndex("key", "key", { unique: true });
    opening.result.createObjectStore(MODEL);
  };
  let isTooLate = false;
  const held = new Promise((_, reject) => {
    const giveUp = () => {
      isTooLate = true;
      reject(new Error("another tab may hold it with an older version of this page; close that tab"));
    };
    opening.onblocked = giveUp;
    // Only the first who waits for the other tab is told so.
    setTimeout(giveUp, PATIENCE);
  });
  const opened = done(opening).then((opened) => {
    // A later version of the page in another tab must not wait for this one.
    opened.onversionchange = opened.onclose = () => {
      opened.close();
      database = null;
    };
    if (isTooLate) opened.close();
    return opened;
  });
  return Promise.race([opened, held]);
}

/**
 * Does something with a store, and waits until it is on the disk.
 * @template T @param {string} name @param {IDBTransactionMode} mode @param {(store: IDBObjectStore) => Promise<T>} job
 * @returns {Promise<T>}
 */
async function within(name, mode, job) {
  database ??= open();
  database.catch(() => (database = null));
  const transaction = (await database).transaction(name, mode, { durability: "strict" });
  const committed = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const [result] = await Promise.all([job(transaction.objectStore(name)), committed]);
  if (mode === "readwrite") changes.dispatchEvent(new Event("change"));
  return result;
}

/** Keeps a correction; one that is there already, by its key, is left as it is. @param {Correction} correction */
export const add = (correction) => within(CORRECTIONS, "readwrite", async (corrections) => {
  const isKnown = (await done(corrections.index("key").count(correction.key))) > 0;
  if (!isKnown) await done(corrections.add({ time: Date.now(), ...correction }));
  return { key: correction.key, new: !isKnown };
});

export const count = () => within(CORRECTIONS, "readonly", (corrections) => done(corrections.count()));

/** All of them, oldest first, as `mnist2x2 corrections import` takes them: a line of JSON each. */
export async function lines() {
  const all = await within(CORRECTIONS, "readonly", (corrections) => done(corrections.getAll()));
  return all.map((correction) => `${JSON.stringify(correction)}\n`);
}

export const clear = () => within(CORRECTIONS, "readwrite", (corrections) => done(corrections.clear()));

/** The model that learned, if there is one. @returns {Promise<Model | undefined>} */
export const model = () => within(MODEL, "readonly", (models) => done(models.get(KEY)));

/** Keeps the model that learned. @param {Model} learned */
export const keep = (learned) => within(MODEL, "readwrite", (models) => done(models.put(learned, KEY)));

/** Forgets the model that learned. */
export const forget = () => within(MODEL, "readwrite", (models) => done(models.delete(KEY)));
