// The two verdicts on a message: the pseudocode of spec/implementing.md, section 1.
import { hasForm, isAttribute } from "./attributes.js";
import { Malformed } from "./errors.js";
import { Event } from "./event.js";
import { RECEIVED, SENT } from "./limits.js";
import { Severity, isString, scan } from "./scan.js";

/** @typedef {(requirement: string, severity: number) => void} Find */

const VERDICTS = /** @type {const} */ (["safe", "tolerated", "malformed"]); // by Severity
const RESERVED = ["_signals", "_propagated", "__func__", "im_func"]; // WIRE-5
export const BASE_SIGNALS = ["remote_event", "event"];
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns both verdicts on a message in the list `key` (VERDICT-1 to VERDICT-3). If the key
 * is not known, the name of the event counts as the key. It never throws.
 * @param {Uint8Array} message
 * @param {string | Uint8Array} [key]
 * @returns {import("../index.js").Judgement}
 */
export function judge(message, key) {
  /** @type {Map<string, number>} */
  const findings = new Map();
  /** @type {Find} */
  const find = (requirement, severity) => {
    findings.set(requirement, Math.max(severity, findings.get(requirement) ?? 0));
  };

  if (message.length > RECEIVED.bytes) find("LIMIT-3", Severity.malformed);
  else if (message.length > SENT.bytes) find("LIMIT-2", Severity.tolerated);
  const name = typeof key === "object" ? decodeUTF8(key) : key; // null is no event's name
  const text = decodeUTF8(message);
  /** @type {Map<string, string>} */
  let members;
  try {
    if (text === null || text.startsWith("\ufeff")) throw new Malformed("JSON-1");
    const { first, children } = scan(text, { find });
    if (first !== "{") throw new Malformed("JSON-3");
    members = new Map(children); // the last of a name counts
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    find(error.requirements[0], Severity.malformed);
    return { verdict: "malformed", legacy: "dies", findings, event: null };
  }
  const payloadText = members.get("data") ?? "", signals = members.get("signals") ?? "", metadata = members.get("metadata") ?? "";
  if ([...members.keys()].some((member) => !["data", "signals", "metadata"].includes(member))) find("WIRE-4", Severity.tolerated);
  const reserved = payloadText.startsWith("{") ? names(payloadText).filter((member) => RESERVED.includes(member)) : [];
  if (!payloadText.startsWith("{")) find("WIRE-1", Severity.malformed);
  else if (reserved.length > 0) find("WIRE-5", Severity.tolerated);
  const strings = judgeSignals(signals, name, find);
  const attributes = judgeMetadata(metadata, find);
  const worst = Math.max(Severity.warning, ...findings.values());
  return {
    verdict: VERDICTS[worst],
    legacy: judgeLegacy(findings, reserved, signals, strings, name),
    findings,
    event: worst < Severity.malformed ? new Event({ name: strings[0], signals: strings, payloadText, metadata: attributes }) : null,
  };
}

/**
 * Returns a text, or null if it is not UTF-8.
 * @param {Uint8Array} bytes
 */
function decodeUTF8(bytes) {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * The names of the members of an object.
 * @param {string} text
 */
const names = (text) => scan(text).children.map(([name]) => name);

/**
 * The raw elements of an array.
 * @param {string} text
 */
const elements = (text) => scan(text).children.map(([, raw]) => raw);

/** @param {string} raw */
const isContainer = (raw) => raw[0] === "{" || raw[0] === "[";

/**
 * The string that a raw value is, or null.
 * @param {string} raw
 * @returns {string | null}
 */
function stringOf(raw) {
  const value = raw[0] === '"' ? JSON.parse(raw) : null;
  return isString(value) ? value : null;
}

/**
 * Returns the signals: the elements of an array that are strings.
 * @param {string} text
 * @param {string | null | undefined} key
 * @param {Find} find
 * @returns {string[]}
 */
function judgeSignals(text, key, find) {
  if (!text.startsWith("[")) {
    find("WIRE-2", Severity.malformed);
    return [];
  }
  const raws = elements(text);
  const found = raws.map(stringOf);
  const signals = found.filter(isString);
  if (raws.some(isContainer)) find("WIRE-3", Severity.malformed);
  else if (signals.length < found.length) find("WIRE-3", Severity.tolerated);
  if (signals.length === 0) {
    find("WIRE-2", Severity.malformed);
    return [];
  }
  if (found[0] !== (key === undefined ? signals[0] : key) || found[0] === null) find("SIG-1", Severity.tolerated);
  if (found.length < 3 || found.at(-2) !== BASE_SIGNALS[0] || found.at(-1) !== BASE_SIGNALS[1]) find("SIG-2", Severity.tolerated);
  if (new Set(signals).size < signals.length) find("SIG-3", Severity.tolerated);
  if (signals.some((signal) => signal.startsWith("kernel."))) find("SIG-4", Severity.tolerated);
  return signals;
}

/**
 * Returns the attributes.
 * @param {string} text
 * @param {Find} find
 * @returns {Record<string, string>}
 */
function judgeMetadata(text, find) {
  /** @type {Record<string, string>} */
  const attributes = Object.create(null);
  if (text === "") return attributes;
  if (!text.startsWith("{")) {
    find("META-1", Severity.tolerated);
    return attributes;
  }
  const members = new Map(scan(text).children);
  if (members.size === 0) find("META-4", Severity.warning);
  for (const [name, raw] of members) {
    const value = stringOf(raw);
    if (!isAttribute(name)) find("META-2", Severity.tolerated);
    else if (value === null) find("META-3", Severity.tolerated);
    else {
      attributes[name] = value;
      if (!hasForm(name, value)) find("META-5", Severity.tolerated);
    }
  }
  return attributes;
}

/**
 * Predicts what an original receiver does with a message (VERDICT-3).
 * @param {Map<string, number>} findings
 * @param {string[]} reserved
 * @param {string} text Of the signals.
 * @param {string[]} strings
 * @param {string | null | undefined} key
 * @returns {"delivers" | "drops" | "dies"}
 */
function judgeLegacy(findings, reserved, text, strings, key) {
  if (["JSON-7", "LIMIT-1", "WIRE-1"].some((requirement) => findings.has(requirement))) return "dies";
  if (reserved.includes("__func__") || reserved.includes("im_func")) return "dies";
  /** @type {string[]} */
  let heard;
  if (text.startsWith("[")) {
    if (elements(text).some(isContainer)) return "dies";
    heard = strings;
  } else if (text.startsWith("{")) {
    heard = names(text);
  } else if (text.startsWith('"')) {
    heard = [...JSON.parse(text)];
  } else {
    return "dies";
  }
  if (heard.includes("kernel.kernel_shutdown") || heard.includes("kernel.configuration_ready")) return "dies";
  return (key === undefined ? heard.length > 0 : key !== null && heard.includes(key)) ? "delivers" : "drops";
}
