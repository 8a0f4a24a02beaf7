// The plain receiver: the pseudocode of spec/implementing.md, section 3.
import { setTimeout as sleep } from "node:timers/promises";
import { Connection, WAITING_TIMEOUT, classOf, describe } from "./connection.js";
import { Malformed } from "./errors.js";
import { Event } from "./event.js";
import { BASE_SIGNALS } from "./judge.js";
import { decode } from "./message.js";

/**
 * Consumes queues, and calls listeners. Delivery is at most once: a crash loses the message
 * that is being handled.
 *
 * Each queue has its own connection. Its messages are handled one after another, in
 * their order (RECV-11). A listener that fails, a malformed message and an error of Redis
 * are logged, and the receiver continues (RECV-5, RECV-6).
 */
export class Receiver {
  /** @type {Map<string, import("../index.js").Listener[]>} */
  #listeners = new Map();
  #stopping = new AbortController();
  /** @type {Promise<void>[]} */
  #loops = [];

  /**
   * @param {import("../index.js").Redis} redis
   * @param {import("../index.js").Listeners} listeners
   * @param {import("../index.js").ReceiverOptions} [options]
   */
  constructor(redis, listeners, { queues, log = console } = {}) {
    const entries = listeners instanceof Map ? [...listeners] : Object.entries(listeners);
    for (const [signal, found] of entries) {
      if (!signal.startsWith("kernel.")) this.#listeners.set(signal, [found].flat()); // DISP-3
    }
    queues ??= entries.map(([signal]) => signal).filter((signal) => !BASE_SIGNALS.includes(signal));
    if (queues.length === 0) throw new TypeError("a receiver needs a queue");
    this.redis = redis;
    this.queues = [...new Set(queues)];
    this.log = log;
  }

  /** Starts to receive, once, and returns. Redis need not be reachable yet. */
  start() {
    this.#loops = this.queues.map((queue) => this.consume(queue, new Connection(this.redis, WAITING_TIMEOUT)));
  }

  /** Receives until `stop` is called, and resolves when the receiver has stopped. */
  async run() {
    this.start();
    await Promise.all(this.#loops);
  }

  /**
   * Stops, and resolves when the listeners have returned and no taken message is left
   * (RECV-12). It takes about a second if no message is being handled. A listener must not
   * await it.
   */
  async stop() {
    this.#stopping.abort();
    await Promise.all(this.#loops);
  }

  get stopping() {
    return this.#stopping.signal.aborted;
  }

  /**
   * @param {string} queue
   * @param {Connection} connection
   */
  async consume(queue, connection) {
    const key = Buffer.from(queue);
    for (let errors = 0; !this.stopping; ) {
      try {
        const taken = await connection.call("BRPOP", key, 1);
        errors = 0;
        if (taken) await this.deliver(queue, taken[1]);
      } catch (error) {
        errors = await this.pause(queue, connection, error, errors);
      }
    }
    await connection.close();
  }

  /**
   * Waits after an error of Redis, longer after each, and returns their number. Another
   * connection may reach another server, which is no replica.
   * @param {string} queue
   * @param {Connection} connection
   * @param {unknown} error
   * @param {number} errors
   */
  async pause(queue, connection, error, errors) {
    await connection.close();
    this.log.warn("cannot receive; retrying", { queue, error: describe(error) });
    const ms = 25 + Math.random() * Math.min(50 * 2 ** errors, 5000);
    await sleep(ms, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    return errors + 1;
  }

  /**
   * Calls the listeners of a message. Returns the requirements that make it malformed, and
   * the failures of its listeners.
   * @param {string} queue
   * @param {Buffer} message
   * @param {{ attempt?: number, leaseLost?: AbortSignal }} [delivery]
   * @returns {Promise<{ malformed: string[], failures: unknown[] }>}
   */
  async deliver(queue, message, delivery = {}) {
    let event;
    try {
      const { name, signals, payloadText, metadata } = decode(message);
      event = new Event({ name, signals, payloadText, metadata, ...delivery });
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      this.log.error("malformed message", { queue, bytes: message.length, requirements: error.requirements });
      return { malformed: error.requirements, failures: [] };
    }
    const failures = [];
    for (const signal of new Set(event.signals)) { // DISP-2
      for (const listener of this.#listeners.get(signal) ?? []) {
        try {
          await listener(event);
        } catch (error) { // its text may quote the payload
          this.log.error("listener failed", { queue, signal, error: classOf(error) });
          failures.push(error);
        }
      }
    }
    return { malformed: [], failures };
  }
}
