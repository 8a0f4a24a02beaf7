// Converts events to messages and back.
import { Malformed, Rejected } from "./errors.js";
import { judge } from "./judge.js";
import { RECEIVED } from "./limits.js";
import { Severity, isString, scan } from "./scan.js";

/**
 * Returns the message of an event, which is safe, with the bytes of its payload. Throws
 * Rejected (SEND-1, SEND-7).
 * @param {import("./event.js").Event} event
 * @returns {Buffer}
 */
export function encode(event) {
  const { name, signals, payloadText, metadata } = event;
  const attributes = Object.keys(metadata);
  if (![name, ...signals, payloadText, ...attributes, ...Object.values(metadata)].every(isString)) throw new Rejected(event, ["JSON-1"]);
  try {
    // Scan the payload alone, so that it cannot close the surrounding object.
    if (scan(payloadText).first !== "{") throw new Malformed("WIRE-1");
  } catch (error) {
    throw error instanceof Malformed ? new Rejected(event, error.requirements) : error;
  }
  const list = signals.map((signal) => JSON.stringify(signal)).join(", ");
  const last = attributes.length > 0 ? `, "metadata": ${JSON.stringify(metadata)}` : "";
  const message = Buffer.from(`{"data": ${payloadText}, "signals": [${list}]${last}}`);
  const { verdict, findings } = judge(message, name);
  if (verdict !== "safe") throw new Rejected(event, [...findings.keys()].filter((id) => findings.get(id) !== Severity.warning));
  return message;
}

/**
 * Returns the event of a message. Throws Malformed.
 * @param {Uint8Array} message
 * @returns {import("./event.js").Event}
 */
export function decode(message) {
  if (message.length > RECEIVED.bytes) throw new Malformed("LIMIT-3");
  const { event, findings } = judge(message);
  if (event === null) throw new Malformed(...[...findings.keys()].filter((id) => findings.get(id) === Severity.malformed));
  return event;
}
