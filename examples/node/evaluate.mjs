// The test vectors that an implementation evaluates without Redis, by the adapter protocol.
import { EventType, companionKeys, judge } from "./lib/index.js";
import { slot, tag } from "./lib/keys.js";

/**
 * The output for the input of a test vector (spec/vectors/README.md).
 * @param {string} family
 * @param {any} input
 * @returns {object}
 */
export function evaluate(family, input) {
  if (["wire", "poison", "limits", "metadata", "evolution"].includes(family)) {
    const { verdict, legacy, findings } = judge(read(input.message), input.key);
    return { verdict, legacy, findings: [...findings.keys()] };
  }
  try {
    if (family === "companions") {
      const queue = read(input.queue);
      return { companions: companionKeys(queue).map(write), tag: write(tag(queue)), slot: slot(queue.toString("latin1")) };
    }
    if (family === "chain" && !input.types.some((/** @type {any} */ declared) => declared.members)) {
      /** @type {Record<string, EventType>} */
      const types = {};
      for (const { type, event_name: name, parents = [] } of input.types) {
        types[type] = new EventType(name, ...parents.map((/** @type {string} */ parent) => types[parent]));
      }
      return { signals: types[input.types.at(-1).type].signals };
    }
  } catch (error) {
    if (error instanceof RangeError) return { rejected: true };
    throw error;
  }
  throw new Error(`unsupported: this case of the family ${family}`);
}

/** @param {any} form */
const read = (form) => (typeof form === "string" ? Buffer.from(form) : Buffer.from(form.base64, "base64"));

/** @param {Buffer} bytes */
const write = (bytes) => (bytes.equals(Buffer.from(bytes.toString())) ? bytes.toString() : { base64: bytes.toString("base64") });
