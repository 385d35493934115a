// @ts-check
/** What people corrected, and the model that learned it, in the browser's own database. Corrections are the rows of the server's store. */

/** @typedef {import("./corrections.js").Correction} Correction */
/** @typedef {{tensors: Blob, learned: number}} Model  a `.safetensors`, and of how many corrections */

/** The stores of the database. */
const [CORRECTIONS, MODEL] = ["corrections", "model"];
/** The only key in the store of the model. */
const KEY = "learned";

/** @type {Promise<IDBDatabase> | null} */ let database = null;
/** Says "change" when there is one correction more, or none is left, or another model. */
export const changes = new EventTarget();

/** @template T @param {IDBRequest<T>} asked @returns {Promise<T>} */
const done = (asked) => new Promise((resolve, reject) => {
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});

/** @param {string} name @param {IDBTransactionMode} mode @returns {Promise<IDBObjectStore>} */
async function store(name, mode) {
  if (!database) {
    const opening = indexedDB.open("mnist2x2", 2);
    opening.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) opening.result.createObjectStore(CORRECTIONS, { autoIncrement: true }).createIndex("key", "key", { unique: true });
      opening.result.createObjectStore(MODEL);
    };
    database = done(opening).then((opened) => {
      // A later version of the page in another tab must not wait for this one.
      opened.onversionchange = () => {
        opened.close();
        database = null;
      };
      return opened;
    });
    database.catch(() => (database = null));
  }
  return (await database).transaction(name, mode, { durability: "strict" }).objectStore(name);
}

const changed = () => changes.dispatchEvent(new Event("change"));

/** Keeps a correction; one that is there already, by its key, is left as it is. @param {Correction} correction */
export async function add(correction) {
  const corrections = await store(CORRECTIONS, "readwrite");
  const isKnown = (await done(corrections.index("key").count(correction.key))) > 0;
  if (!isKnown) await done(corrections.add({ time: Date.now(), ...correction }));
  changed();
  return { key: correction.key, new: !isKnown };
}

export const count = async () => done((await store(CORRECTIONS, "readonly")).count());

/** All of them, oldest first, as `mnist2x2 corrections import` takes them: a line of JSON each. */
export async function lines() {
  const all = await done((await store(CORRECTIONS, "readonly")).getAll());
  return all.map((correction) => `${JSON.stringify(correction)}\n`);
}

export async function clear() {
  await done((await store(CORRECTIONS, "readwrite")).clear());
  changed();
}

/** The model that learned, if there is one. @returns {Promise<Model | undefined>} */
export const model = async () => done((await store(MODEL, "readonly")).get(KEY));

/** Keeps the model that learned, or forgets it. @param {Model | null} learned */
export async function keep(learned) {
  const models = await store(MODEL, "readwrite");
  await (learned ? done(models.put(learned, KEY)) : done(models.delete(KEY)));
  changed();
}
