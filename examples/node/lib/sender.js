// The sender: the pseudocode of spec/implementing.md, section 2.
import { randomBytes } from "node:crypto";
import { ErrorReply } from "@redis/client";
import { EventType } from "./chain.js";
import { Connection, Unreachable, describe } from "./connection.js";
import { Malformed, NotStored, OutcomeUnknown, Rejected } from "./errors.js";
import { Event } from "./event.js";
import { BASE_SIGNALS } from "./judge.js";
import { encode } from "./message.js";
import * as values from "./values.js";

/** Sends events over one connection. */
export class Sender {
  #connection;
  #source;
  #plain;

  /**
   * @param {import("../index.js").Redis} redis
   * @param {import("../index.js").SenderOptions} [options]
   */
  constructor(redis, { source, plain = false } = {}) {
    this.#connection = new Connection(redis);
    this.#source = source;
    this.#plain = plain;
  }

  /**
   * Sends an event, and returns it with the attributes that were added. It is never sent
   * twice on its own (SEND-5).
   * @param {string | EventType} type
   * @param {string | Record<string, unknown>} payload
   * @param {import("../index.js").SendOptions} [options]
   * @returns {Promise<Event>}
   */
  async send(type, payload, { parents = [], metadata = {} } = {}) {
    const declared = type instanceof EventType;
    const name = declared ? type.name : type;
    const signals = [name, ...(declared ? type.ancestors : parents), ...BASE_SIGNALS];
    const attributes = this.#plain ? metadata : { ...this.#attributes(), ...metadata };
    let payloadText;
    try {
      payloadText = typeof payload === "string" ? payload : values.encode(payload);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      throw new Rejected(new Event({ name, signals, payloadText: "", metadata: attributes }), error.requirements);
    }
    return this.forward(new Event({ name, signals, payloadText, metadata: attributes }));
  }

  /**
   * Sends an event that was received, or that OutcomeUnknown has, as it is.
   * @param {Event} event
   * @returns {Promise<Event>}
   */
  async forward(event) {
    const message = encode(event);
    try {
      await this.#connection.call("LPUSH", Buffer.from(event.name), message);
    } catch (error) {
      const unstored = error instanceof Unreachable || error instanceof ErrorReply;
      throw new (unstored ? NotStored : OutcomeUnknown)(event, describe(error));
    }
    return event;
  }

  /** Ends the connection. */
  close() {
    return this.#connection.close();
  }

  /** @returns {Record<string, string>} */
  #attributes() {
    const attributes = { id: uuid7(), time: new Date().toISOString() };
    return this.#source === undefined ? attributes : { ...attributes, source: this.#source };
  }
}

/** Returns a new UUIDv7 (RFC 9562). */
function uuid7() {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
