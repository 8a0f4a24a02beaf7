// The reliable receiver: the pseudocode of spec/implementing.md, section 4.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Connection, classOf, describe } from "./connection.js";
import { PayloadError, Permanent } from "./errors.js";
import { companionKeys } from "./keys.js";
import { RECEIVED } from "./limits.js";
import { Receiver } from "./receiver.js";
import { EXCHANGE, EXTEND, RELEASE, parse } from "./scripts.js";

const MAX_BYTES = 1 << 20; // of the messages of a claim
const FIRST_INDEX = 1001; // of the messages of a claim; here, each claim has one message
const FAILED_TURN = 8; // one turn in eight prefers messages that have failed (REL-41)

let suspects = 0; // that this process may handle: at most one (REL-40)

/**
 * Consumes queues like a Receiver, and delivers at least once: a message is handled, or it
 * becomes a dead letter that an operator can inspect. After a crash, a message may be
 * handled twice (spec/reliable.md, section 1).
 */
export class ReliableReceiver extends Receiver {
  /**
   * @param {import("../index.js").Redis} redis
   * @param {import("../index.js").Listeners} listeners
   * @param {import("../index.js").ReliableOptions} [options]
   */
  constructor(redis, listeners, options = {}) {
    super(redis, listeners, options);
    const { lease = 30_000, maxAttempts = 25, maxSuspectAttempts = 5, retryDelay = 1000, maxRetryDelay = 600_000 } = options;
    if (!(lease >= 10 && maxAttempts >= 1 && maxSuspectAttempts >= 1 && retryDelay > 0)) {
      throw new RangeError("lease, retryDelay or a number of attempts is too small");
    }
    this.queues.forEach(companionKeys); // checks the names
    this.settings = {
      lease: Math.floor(lease), maxAttempts, maxSuspectAttempts, retryDelay, maxRetryDelay: Math.max(retryDelay, maxRetryDelay),
    };
  }

  /**
   * @override
   * @param {string} queue
   * @param {Connection} connection
   */
  async consume(queue, connection) {
    const consumer = new Consumer(this, queue, connection);
    for (let errors = 0, turn = 1; !this.stopping; turn++) {
      try {
        await consumer.take(turn);
        errors = 0;
      } catch (error) { // the next call sends the report again, with a new claim
        errors = await this.pause(queue, connection, error, errors);
      }
    }
    await consumer.release();
  }
}

/** Consumes one queue, one message at a time. */
class Consumer {
  /** The reports of the next exchange. */
  #report = new Report();
  #sent = false; // whether Redis may have the report already

  /**
   * @param {ReliableReceiver} receiver
   * @param {string} queue
   * @param {Connection} connection
   */
  constructor(receiver, queue, connection) {
    this.receiver = receiver;
    this.queue = queue;
    this.keys = [Buffer.from(queue), ...companionKeys(queue)];
    this.connection = connection;
    this.extending = new Connection(receiver.redis); // the other one is blocked by BLMOVE
  }

  /**
   * Sends the report, then claims and handles a message, or waits for one.
   * @param {number} turn
   */
  async take(turn) {
    const failedTurn = turn % FAILED_TURN === 0;
    let suspect = suspects === 0 && !(failedTurn && Math.random() < 0.5); // REL-45
    if (suspect) suspects++;
    let reply;
    try {
      reply = await this.#exchange(suspect, failedTurn);
      if (suspect && !reply.failed.some(({ claim }) => claim.includes("!"))) {
        suspects--;
        suspect = false;
      }
      for (const body of reply.fresh) {
        await this.#handle(reply.claim, body, 1);
        this.#report.ended.push(reply.claim);
      }
      for (const { claim, attempt, body } of reply.failed) await this.#handle(claim, body, attempt);
    } finally {
      if (suspect) suspects--;
    }
    if (reply.fresh.length + reply.failed.length > 0 || reply.wait === 0) return;
    const seconds = reply.wait < 0 ? 1 : Math.min(1, reply.wait / 1000);
    await this.connection.call("BLMOVE", this.keys[0], this.keys[1], "RIGHT", "LEFT", seconds.toFixed(3));
  }

  /**
   * Sends the report, and claims a message.
   * @param {boolean} suspect
   * @param {boolean} failedTurn
   */
  async #exchange(suspect, failedTurn) {
    const token = randomBytes(16).toString("base64url");
    const { lease, maxSuspectAttempts } = this.receiver.settings;
    const claim = [token, lease, 1, MAX_BYTES, RECEIVED.bytes, maxSuspectAttempts];
    const args = [...this.#report.arguments(), ...claim, Number(suspect), Number(failedTurn)];
    const sentBefore = this.#sent;
    this.#sent = true;
    const reply = parse(await EXCHANGE.call(this.connection, this.keys, args));
    this.#report = new Report();
    this.#sent = false;
    if (reply.lost > 0 && !sentBefore) this.receiver.log.warn("lease lost; message may be handled again", { queue: this.queue });
    for (const id of reply.dead) this.receiver.log.error("message moved to dead letters", { queue: this.queue, id: String(id) });
    return reply;
  }

  /**
   * Calls the listeners of a message while its lease is extended, and reports it.
   * @param {Buffer} claim
   * @param {Buffer} body
   * @param {number} attempt
   */
  async #handle(claim, body, attempt) {
    const lease = new Lease(this, claim);
    let outcome;
    try {
      outcome = await this.receiver.deliver(this.queue, body, { attempt, leaseLost: lease.lost });
    } finally {
      lease.end();
    }
    const { malformed, failures } = outcome;
    if (malformed.length > 0) {
      this.#nack(claim, -1, "malformed", malformed.join(", "));
    } else if (failures.length > 0) {
      const permanent = failures.every((failure) => failure instanceof Permanent);
      const unfit = failures.every((failure) => failure instanceof PayloadError);
      const delay = permanent || attempt >= this.receiver.settings.maxAttempts ? -1 : this.#delay(attempt);
      const error = failures.map(classOf).join(", "); // a text may quote the payload (REL-27)
      this.#nack(claim, delay, unfit ? "schema" : permanent ? "permanent" : "failed", error);
    } else {
      this.#report.acks.push(claim, FIRST_INDEX, FIRST_INDEX);
    }
  }

  /**
   * Reports a message that failed. A delay of -1 makes it a dead letter.
   * @param {Buffer} claim
   * @param {number} delay
   * @param {string} code
   * @param {string} error
   */
  #nack(claim, delay, code, error) {
    if (delay < 0) this.receiver.log.error("message moved to dead letters", { queue: this.queue, claim: String(claim), code });
    this.#report.nacks.push(claim, FIRST_INDEX, delay, JSON.stringify({ code, error }));
  }

  /**
   * The time until the next attempt (REL-21).
   * @param {number} attempt
   */
  #delay(attempt) {
    const { retryDelay, maxRetryDelay } = this.receiver.settings;
    const bound = Math.min(retryDelay * 2 ** (attempt - 1), maxRetryDelay);
    return Math.floor((bound / 2) * (1 + Math.random()));
  }

  /** Sends the report, and returns staged messages to the queue (REL-31). */
  async release() {
    for (let tries = 0; tries < 20; tries++) { // then give up: the lease expires
      try {
        await EXCHANGE.call(this.connection, this.keys, this.#report.arguments());
        this.#report = new Report();
        while ((await RELEASE.call(this.connection, this.keys, [0]))[0] > 0);
        break;
      } catch (error) {
        this.receiver.log.warn("cannot release; retrying", { queue: this.queue, error: describe(error) });
        await sleep(100);
      }
    }
    await Promise.all([this.connection.close(), this.extending.close()]);
  }
}

/** Acknowledgements, nacks and ended claims. */
class Report {
  /** @type {(string | Buffer | number)[]} */
  acks = [];
  /** @type {(string | Buffer | number)[]} */
  nacks = [];
  /** @type {Buffer[]} */
  ended = [];

  /** The first arguments of exchange, without a window of remembered events. */
  arguments() {
    return [0, 0, this.acks.length / 3, this.nacks.length / 4, this.ended.length, ...this.acks, ...this.nacks, ...this.ended];
  }
}

/** Extends a lease each third of it, and notices if it is lost (REL-16, REL-17). */
class Lease {
  #consumer;
  #claim;
  #lost = new AbortController();
  #ended = false;
  #end;
  #timer;

  /**
   * @param {Consumer} consumer
   * @param {Buffer} claim
   */
  constructor(consumer, claim) {
    this.#consumer = consumer;
    this.#claim = claim;
    const { lease } = consumer.receiver.settings;
    this.#end = performance.now() + lease;
    this.#timer = setInterval(() => this.#extend(lease), lease / 3);
  }

  get lost() {
    return this.#lost.signal;
  }

  end() {
    this.#ended = true;
    clearInterval(this.#timer);
  }

  /** @param {number} lease */
  async #extend(lease) {
    const { receiver, queue, keys, extending } = this.#consumer;
    const begin = performance.now();
    try {
      const lost = await EXTEND.call(extending, keys, [lease, this.#claim]);
      this.#end = lost.length > 0 ? begin : begin + lease;
    } catch (error) {
      receiver.log.warn("cannot extend lease; retrying", { queue, error: describe(error) });
    }
    if (this.#ended || this.#lost.signal.aborted || performance.now() < this.#end) return;
    receiver.log.warn("lease lost", { queue, claim: String(this.#claim) });
    this.#lost.abort();
  }
}
