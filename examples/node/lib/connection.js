// A connection to Redis that repeats no command.
import { ClientClosedError, ClientOfflineError, ErrorReply, RESP_TYPES, createClient } from "@redis/client";

const CONNECT_TIMEOUT = 5000, TIMEOUT = 10_000; // ms
export const WAITING_TIMEOUT = 31_000; // of a connection on which commands block for up to a second
const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** No connection was made, and so nothing was sent. */
export class Unreachable extends Error {}

/**
 * A connection with the address and the credentials of a URL or a client. It connects when
 * a command needs it. A command whose reply is lost is not repeated (SEND-5, REL-11).
 */
export class Connection {
  /** @type {any} */
  #options;
  /** @type {Promise<import("@redis/client").RedisClientType> | undefined} */
  #client;

  /**
   * @param {import("../index.js").Redis} redis
   * @param {number} [timeout] How long it waits for a reply.
   */
  constructor(redis, timeout = TIMEOUT) {
    const given = typeof redis === "string" ? optionsOf(redis) : redis.options ?? {};
    const socket = { ...given.socket, connectTimeout: CONNECT_TIMEOUT, socketTimeout: timeout, reconnectStrategy: false };
    this.#options = { ...given, socket, RESP: 2, disableOfflineQueue: true };
  }

  /**
   * Returns the reply: a Buffer, number, string, null or an array of them. Throws
   * Unreachable if nothing was sent, ErrorReply for an error that Redis replied, and
   * another error if the outcome is unknown.
   * @param {...(string | Buffer | number)} command
   * @returns {Promise<any>}
   */
  async call(...command) {
    const client = await (this.#client ??= this.#connect()); // #connect forgets a client that has ended
    try {
      return await client.sendCommand(command.map((part) => (typeof part === "number" ? String(part) : part)), AS_BYTES);
    } catch (error) {
      if (error instanceof ClientOfflineError || error instanceof ClientClosedError) throw new Unreachable(describe(error));
      if (error instanceof ErrorReply && error.message.startsWith("READONLY")) await this.close(); // another connection may reach the new primary
      throw error;
    }
  }

  #connect() {
    /** @type {import("@redis/client").RedisClientType} */
    const client = createClient(this.#options);
    const forget = () => {
      if (this.#client === connected) this.#client = undefined; // the next command connects again
    };
    client.on("error", forget); // the command reports the error
    const connected = client.connect().then(() => client, (error) => {
      forget();
      if (client.isOpen) client.destroy();
      throw new Unreachable(describe(error));
    });
    return connected;
  }

  /** Ends the connection. The next command connects again. */
  async close() {
    const client = await this.#client?.catch(() => undefined);
    this.#client = undefined;
    if (client?.isOpen) client.destroy();
  }
}

/**
 * The client's options for a URL, of a Unix socket too.
 * @param {string} url
 * @returns {import("@redis/client").RedisClientOptions}
 */
function optionsOf(url) {
  try {
    if (!url.startsWith("unix:")) return createClient({ url }).options;
    const parsed = new URL(url.replace(/^unix:\/\/([^/]*)/, "http://$1localhost")); // a URL with a password needs a host
    return {
      socket: { path: decodeURIComponent(parsed.pathname), tls: false },
      database: Number(parsed.searchParams.get("db") ?? 0),
      username: decodeURIComponent(parsed.username) || undefined,
      password: decodeURIComponent(parsed.password) || undefined,
    };
  } catch { // its error may quote the password
    throw new TypeError("the URL of Redis is not valid");
  }
}

/**
 * The kind of an error, and the address of a connection. The text of an error that Redis
 * replies may quote a command, and therefore a payload (SEC-1).
 * @param {any} error
 * @returns {string}
 */
export function describe(error) {
  if (error instanceof ErrorReply) return error.message.split(" ", 1)[0];
  return error instanceof Unreachable ? error.message : `${classOf(error)}: ${error?.message || error?.code}`;
}

/**
 * The class of what was thrown. Its text may quote a payload.
 * @param {unknown} error
 * @returns {string}
 */
export const classOf = (error) => (error instanceof Error ? error.constructor.name : typeof error);
