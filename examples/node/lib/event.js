import { decode } from "./values.js";

const NEVER = new AbortController().signal;

/**
 * A remote event. console.log and JSON.stringify do not show its payload.
 */
export class Event {
  /**
   * @param {object} members
   * @param {string} members.name
   * @param {readonly string[]} members.signals
   * @param {string} members.payloadText
   * @param {Readonly<Record<string, string>>} [members.metadata]
   * @param {number} [members.attempt]
   * @param {AbortSignal} [members.leaseLost]
   */
  constructor({ name, signals, payloadText, metadata = {}, attempt = 1, leaseLost = NEVER }) {
    this.name = name;
    this.signals = signals;
    /** The attributes. */
    this.metadata = metadata;
    /** The attempt of a reliable receiver, from 1. */
    this.attempt = attempt;
    /** Aborted when another receiver may handle the same message (REL-17). */
    this.leaseLost = leaseLost;
    /** The payload: a JSON object, byte for byte as it was sent. */
    this.payloadText = payloadText;
    Object.defineProperty(this, "payloadText", { enumerable: false });
  }

  /**
   * The payload as JavaScript values. Throws PayloadError if there is no such value.
   * @returns {any}
   */
  get payload() {
    return decode(this.payloadText);
  }
}
