// The companion keys of a queue (spec/reliable.md, section 2). Names are strings of bytes
// here ("latin1").
const KINDS = ["staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"];
const SLOTS = 16384;
const PREFIX = "remote-event:v1:";

/**
 * Returns the nine companion keys of a queue, in the order of their kinds (REL-3). Throws
 * RangeError for a name that is reserved (REL-2).
 * @param {string | Buffer} queue
 * @returns {Buffer[]}
 */
export function companionKeys(queue) {
  const name = Buffer.from(/** @type {string} */ (queue)).toString("latin1");
  if (name.startsWith(PREFIX)) throw new RangeError(`names of queues that begin with ${PREFIX} are reserved (REL-2)`);
  return KINDS.map((kind) => Buffer.from(`${PREFIX}{${tagOf(name)}}:${kind}:${name}`, "latin1"));
}

/**
 * Returns the text in braces that gives the companion keys the hash slot of the queue (REL-4).
 * @param {string | Buffer} queue
 * @returns {Buffer}
 */
export const tag = (queue) => Buffer.from(tagOf(Buffer.from(/** @type {string} */ (queue)).toString("latin1")), "latin1");

/** @param {string} name */
function tagOf(name) {
  if (ownTag(name)) return ownTag(name);
  if (name !== "" && !name.includes("}")) return name;
  for (let n = 0; ; n++) {
    if (slot(String(n)) === slot(name)) return String(n);
  }
}

/**
 * Returns the text that Redis hashes in place of the key, or nothing.
 * @param {string} name
 */
const ownTag = (name) => /^[^{]*\{([^}]+)\}/.exec(name)?.[1] ?? "";

/**
 * Returns the hash slot of a key.
 * @param {string} name
 */
export function slot(name) {
  let crc = 0; // CRC-16/XMODEM
  for (const byte of Buffer.from(ownTag(name) || name, "latin1")) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % SLOTS;
}
