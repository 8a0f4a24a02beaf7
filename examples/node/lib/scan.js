// Reads JSON text without recursion, and keeps the text of its values: JSON.parse would
// round integers and reject what Python calls JSON.
import { Malformed } from "./errors.js";
import { MAX_DIGITS, RECEIVED, SENT } from "./limits.js";

/** The effect of a finding: the message stays safe, is tolerated, or is malformed. */
export const Severity = Object.freeze({ warning: 0, tolerated: 1, malformed: 2 });

const MARK = /[ \t\n\r]*([{}[\],:"])?/y;
const SCALAR = /(true|false|null)|(NaN|-?Infinity)|(-?(?:0|[1-9][0-9]*))((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a value is a string of Unicode scalar values.
 * @param {unknown} value
 * @returns {value is string}
 */
export const isString = (value) => typeof value === "string" && !SURROGATE.test(value);

/**
 * Where the string that begins at start ends.
 * @param {string} text
 * @param {number} start
 */
function endOfString(text, start) {
  for (let i = start + 1; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c === 0x22) return i + 1;
    if (c < 0x20) break;
    if (c !== 0x5c) {
      i++;
      continue;
    }
    ESCAPE.lastIndex = i;
    if (!ESCAPE.test(text)) break;
    i = ESCAPE.lastIndex;
  }
  throw new Malformed("JSON-2");
}

/**
 * The calls of a scan, in the order of the text.
 * @typedef {object} Visitor
 * @property {(requirement: string, severity: number) => void} [find] A sender of the text
 *   violates this requirement of section 4.
 * @property {(mark: "{" | "[") => void} [open] An object or array begins.
 * @property {(name: string) => void} [name] The name of a member.
 * @property {(raw: string) => void} [scalar] A string, number or word.
 * @property {() => void} [close] An object or array ends.
 */

/**
 * Reads one JSON value by the grammar of JSON-2 and JSON-10. Returns the first character of
 * the value, and the [name, text] of its members or elements. Throws Malformed.
 * @param {string} text
 * @param {Visitor} [visitor]
 * @returns {{ first: string, children: [name: string, raw: string][] }}
 */
export function scan(text, { find, open, name: named, scalar, close } = {}) {
  /** @type {[string, string][]} */
  const children = [];
  /** @type {(Set<string> | null)[]} */
  const stack = []; // of the open objects and arrays: the names so far, or null
  let expect = "value", position = 0, name = "", begin = 0, first = "";
  for (;;) {
    MARK.lastIndex = position;
    const mark = MARK.exec(text)?.[1] ?? "";
    const start = MARK.lastIndex - mark.length;
    position = MARK.lastIndex;
    if (mark === "" && start === text.length && expect === "end") return { first, children };
    const wantsValue = expect === "value" || expect === "value or end";
    if (mark === "}" || mark === "]") {
      const fits = stack.length > 0 && (stack.at(-1) === null) === (mark === "]");
      if (!fits || !["comma", "name or end", "value or end"].includes(expect)) throw new Malformed("JSON-2");
      stack.pop();
      close?.();
    } else if (expect === "colon" && mark === ":") {
      expect = "value";
      continue;
    } else if (expect === "comma" && mark === ",") {
      expect = stack.at(-1) === null ? "value" : "name";
      continue;
    } else if (mark === '"' && (wantsValue || expect === "name" || expect === "name or end")) {
      position = endOfString(text, start);
      const raw = text.slice(start, position);
      const escaped = raw.includes("\\");
      const string = escaped ? JSON.parse(raw) : raw.slice(1, -1);
      if (escaped && SURROGATE.test(string)) find?.("JSON-9", Severity.tolerated);
      if (!wantsValue) {
        const names = /** @type {Set<string>} */ (stack.at(-1));
        if (names.has(string)) find?.("JSON-5", Severity.tolerated);
        names.add(string);
        if (stack.length === 1) name = string;
        named?.(string);
        expect = "colon";
        continue;
      }
      if (stack.length === 1) begin = start;
      scalar?.(raw);
    } else if (wantsValue && (mark === "{" || mark === "[")) {
      if (stack.length === 1) begin = start;
      stack.push(mark === "{" ? new Set() : null);
      if (stack.length > RECEIVED.levels) throw new Malformed("LIMIT-4");
      if (stack.length > SENT.levels) find?.("LIMIT-1", Severity.tolerated);
      expect = mark === "{" ? "name or end" : "value or end";
      first ||= mark;
      open?.(mark);
      continue;
    } else if (wantsValue && mark === "") {
      SCALAR.lastIndex = start;
      const [raw, , special, integer, rest] = SCALAR.exec(text) ?? [];
      if (raw === undefined) throw new Malformed("JSON-2");
      position = start + raw.length;
      if (special) find?.("JSON-4", Severity.tolerated);
      if (integer && !rest && integer.replace("-", "").length > MAX_DIGITS) find?.("JSON-7", Severity.tolerated);
      if (integer && !rest && !Number.isSafeInteger(Number(raw))) find?.("JSON-8", Severity.warning);
      if (integer && !Number.isFinite(Number(raw))) find?.("JSON-6", Severity.tolerated);
      if (stack.length === 1) begin = start;
      scalar?.(raw);
    } else {
      throw new Malformed("JSON-2");
    }
    first ||= text[start];
    if (stack.length === 1) children.push([name, text.slice(begin, position)]); // it has ended
    expect = stack.length > 0 ? "comma" : "end";
  }
}
