// Converts JavaScript values to JSON text and back. No value changes silently.
import { Malformed, PayloadError } from "./errors.js";
import { MAX_DIGITS, SENT } from "./limits.js";
import { scan } from "./scan.js";

/**
 * Returns plain objects, arrays, strings, numbers, bigints, booleans and null as JSON text.
 * A number beyond the safe integers is written with an exponent, since it may be rounded;
 * a bigint has its digits. Throws Malformed for a value that no sender sends, and TypeError
 * for a value of another type.
 * @param {unknown} value
 * @returns {string}
 */
export function encode(value, level = 1) {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "bigint":
      return value.toString();
    case "number":
      if (!Number.isFinite(value)) throw new Malformed("JSON-4");
      if (Object.is(value, -0)) return "-0.0";
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
    case "object": {
      if (value === null) return "null";
      if (level >= SENT.levels) throw new Malformed("LIMIT-1"); // the message is a level, too
      if (Array.isArray(value)) return `[${Array.from(value, (element) => encode(element, level + 1)).join(", ")}]`;
      const prototype = Object.getPrototypeOf(value);
      if (prototype !== null && prototype !== Object.prototype) break;
      const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${encode(member, level + 1)}`);
      return `{${members.join(", ")}}`;
    }
  }
  throw new TypeError(`a value of type ${value instanceof Object ? value.constructor.name : typeof value} has no form in JSON`);
}

/**
 * Returns JSON text of a message as JavaScript values. An integer beyond the safe integers
 * is a bigint (TYPE-13). Throws PayloadError for a number beyond the range of numbers.
 * @param {string} text
 * @returns {any}
 */
export function decode(text) {
  /** @type {{ object: boolean, name: string, entries: [string, any][] }[]} */
  const stack = [{ object: false, name: "", entries: [] }];
  /** @param {any} value */
  const add = (value) => {
    const { name, entries } = /** @type {typeof stack[0]} */ (stack.at(-1));
    entries.push([name, value]);
  };
  scan(text, {
    open: (mark) => stack.push({ object: mark === "{", name: "", entries: [] }),
    name: (name) => (/** @type {typeof stack[0]} */ (stack.at(-1)).name = name),
    scalar: (raw) => add(/^-?[0-9NI]/.test(raw) ? number(raw) : JSON.parse(raw)),
    close: () => {
      const { object, entries } = /** @type {typeof stack[0]} */ (stack.pop());
      add(object ? Object.fromEntries(entries) : entries.map(([, element]) => element));
    },
  });
  return stack[0].entries[0][1];
}

/**
 * @param {string} raw
 * @returns {number | bigint}
 */
function number(raw) {
  const value = Number(raw);
  if (/^-?[NI]/.test(raw)) return value;
  if (/^-?[0-9]+$/.test(raw) && raw.length <= MAX_DIGITS && !Number.isSafeInteger(value)) return BigInt(raw);
  if (!Number.isFinite(value)) throw new PayloadError("the payload has a number that JavaScript cannot represent");
  return value;
}
