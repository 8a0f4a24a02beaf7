// Calls the scripts of spec/lua (spec/reliable.md, section 4).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ErrorReply } from "@redis/client";

/** A script, called by its digest if Redis has it (REL-10). */
class Script {
  /** @param {string} name */
  constructor(name) {
    this.text = readFileSync(new URL(`lua/${name}.lua`, import.meta.url));
    this.digest = createHash("sha1").update(this.text).digest("hex");
  }

  /**
   * @param {import("./connection.js").Connection} connection
   * @param {Buffer[]} keys The queue and its companion keys (REL-8).
   * @param {(string | Buffer | number)[]} args
   * @returns {Promise<any>}
   */
  async call(connection, keys, args) {
    try {
      return await connection.call("EVALSHA", this.digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof ErrorReply && error.message.startsWith("NOSCRIPT"))) throw error;
      return connection.call("EVAL", this.text, keys.length, ...keys, ...args);
    }
  }
}

export const EXCHANGE = new Script("exchange"), EXTEND = new Script("extend"), RELEASE = new Script("release");

/**
 * Returns the reply of `exchange` by its parts; all times are in milliseconds.
 * @param {any[]} reply
 */
export function parse([wait, claim, fresh = [], failed = [], died = [], lostAcks = [], lostNacks = []]) {
  /** @type {{ claim: Buffer, attempt: number, body: Buffer }[]} */
  const messages = [];
  for (let i = 0; i < failed.length; i += 5) {
    messages.push({ claim: failed[i], attempt: failed[i + 1] - failed[i + 2], body: failed[i + 4] });
  }
  /** @type {Buffer[]} */
  const dead = died.filter((/** @type {Buffer} */ _, /** @type {number} */ i) => i % 2 === 0); // ids, without their reasons
  return {
    wait: Number(wait), claim: /** @type {Buffer} */ (claim), fresh: /** @type {Buffer[]} */ (fresh), failed: messages, dead,
    lost: lostAcks.length + lostNacks.length, // reports
  };
}
