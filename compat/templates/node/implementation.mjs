// A small implementation of spec/wire.md, in whose place yours goes. It reads
// messages without recursion and passes payloads on as text, since JSON.parse
// would round their integers and refuse what Python calls JSON.
import { isIPv6 } from "node:net";
import { RESP_TYPES, createClient } from "@redis/client";

const SENT = { bytes: 1 << 20, levels: 512 }; // LIMIT-2, LIMIT-1
const RECEIVED = { bytes: 64 << 20, levels: 10_000 }; // LIMIT-3, LIMIT-4

const MARK = /[ \t\n\r]*([{}[\],:"])?/y;
const SCALAR = /(true|false|null)|(NaN|-?Infinity)|(-?(?:0|[1-9][0-9]*))((?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const SURROGATE = /\p{Surrogate}/u;

/** No receiver delivers it. Its text names the requirement. */
class Malformed extends Error {}

/** No sender sends it. Its text names the requirements. */
class Refused extends Error {}

/** Where the string that begins at start ends. */
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
 * Reads one JSON value by the grammar of JSON-2 and JSON-10. Returns what its
 * text begins with, the [name, raw text] of its members or elements, and the
 * requirements that a sender of it would violate.
 */
function scan(text) {
  const children = [], faults = new Set();
  const stack = []; // of the open objects and arrays: the names so far, or null
  let expect = "value", position = 0, name, begin = 0, first = "";
  for (;;) {
    MARK.lastIndex = position;
    const mark = MARK.exec(text)[1] ?? "";
    const start = MARK.lastIndex - mark.length;
    position = MARK.lastIndex;
    if (mark === "" && start === text.length && expect === "end") return { first, children, faults };
    const wantsValue = expect === "value" || expect === "value or end";
    if (mark === "}" || mark === "]") {
      const fits = stack.length > 0 && (stack.at(-1) === null) === (mark === "]");
      if (!fits || !["comma", "name or end", "value or end"].includes(expect)) throw new Malformed("JSON-2");
      stack.pop();
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
      if (escaped && SURROGATE.test(string)) faults.add("JSON-9");
      if (!wantsValue) {
        if (stack.at(-1).has(string)) faults.add("JSON-5");
        stack.at(-1).add(string);
        if (stack.length === 1) name = string;
        expect = "colon";
        continue;
      }
      if (stack.length === 1) begin = start;
    } else if (wantsValue && (mark === "{" || mark === "[")) {
      if (stack.length === 1) begin = start;
      stack.push(mark === "{" ? new Set() : null);
      if (stack.length > RECEIVED.levels) throw new Malformed("LIMIT-4");
      if (stack.length > SENT.levels) faults.add("LIMIT-1");
      expect = mark === "{" ? "name or end" : "value or end";
      first ||= mark;
      continue;
    } else if (wantsValue && mark === "") {
      SCALAR.lastIndex = start;
      const [raw, , special, integer, rest] = SCALAR.exec(text) ?? [];
      if (raw === undefined) throw new Malformed("JSON-2");
      position = start + raw.length;
      if (special) faults.add("JSON-4");
      if (integer && !rest && integer.replace("-", "").length > 4300) faults.add("JSON-7");
      if (integer && !Number.isFinite(Number(raw))) faults.add("JSON-6");
      if (stack.length === 1) begin = start;
    } else {
      throw new Malformed("JSON-2");
    }
    first ||= text[start];
    if (stack.length === 1) children.push([name, text.slice(begin, position)]); // it has ended
    expect = stack.length > 0 ? "comma" : "end";
  }
}

/** Whether a name may be an attribute's. */
const isAttribute = (name) => /^[a-z0-9]+$/.test(name) && name !== "signals";

/**
 * Returns the signals, the payload's text and the attributes of a message, and
 * the requirements that a sender of it would violate.
 */
function decode(message) {
  if (message.length > RECEIVED.bytes) throw new Malformed("LIMIT-3");
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(message);
  } catch {
    throw new Malformed("JSON-1");
  }
  if (text.startsWith("\ufeff")) throw new Malformed("JSON-1");
  const { first, children, faults } = scan(text);
  if (first !== "{") throw new Malformed("JSON-3");
  const members = new Map(children); // the last of a name counts
  const payload = members.get("data") ?? "";
  if (!payload.startsWith("{")) throw new Malformed("WIRE-1");
  const chain = members.get("signals") ?? "";
  if (!chain.startsWith("[")) throw new Malformed("WIRE-2");
  const elements = scan(chain).children.map(([, raw]) => raw);
  if (elements.some((raw) => raw[0] === "{" || raw[0] === "[")) throw new Malformed("WIRE-3");
  const strings = elements.filter((raw) => raw[0] === '"').map((raw) => JSON.parse(raw));
  const signals = strings.filter((signal) => !SURROGATE.test(signal));
  if (signals.length === 0) throw new Malformed("WIRE-2");
  const attributes = Object.create(null);
  const metadata = members.get("metadata") ?? "";
  for (const [name, raw] of metadata.startsWith("{") ? new Map(scan(metadata).children) : []) {
    const value = raw[0] === '"' && JSON.parse(raw);
    if (value !== false && !SURROGATE.test(value) && isAttribute(name)) attributes[name] = value;
  }
  return { signals, payload, attributes, faults };
}

const part = (more) => `(?:[A-Za-z0-9._~!$&'()*+,;=${more}-]|%[0-9A-Fa-f]{2})*`;
const URI = new RegExp( // RFC 3986; the first segment of a relative path has no colon
  "^(?:(?<scheme>[A-Za-z][A-Za-z0-9+.-]*):|(?![^/?#]*:))" +
    `(?://(?:${part(":")}@)?(?:\\[(?<address>[^\\[\\]]*)\\]|${part("")})(?::[0-9]*)?(?=[/?#]|$)|(?!//))` +
    `${part(":@/")}(?:\\?${part(":@/?")})?(?:#${part(":@/?")})?$`,
);
const FORMS = {
  id: /^[^]+$/,
  time: /^(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i,
  traceparent: /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[^]*)?$/,
};

/** Whether an attribute has the form that META-5 gives it. */
function hasForm(name, value) {
  if (name === "source" || name === "dataschema") return isURI(value, name === "dataschema");
  const found = Object.hasOwn(FORMS, name) ? FORMS[name].exec(value) : [];
  if (found === null) return false;
  if (name === "traceparent" && value.startsWith("00")) return value.length === 55; // more comes with later versions only
  if (name !== "time") return true;
  const [year, month, day] = found.slice(1, 4).map(Number);
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day >= 1 && day <= ([31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0);
}

/** Whether a text is a URI, or a reference that is not empty. */
function isURI(value, absolute) {
  const found = URI.exec(value)?.groups;
  if (value === "" || !found || (absolute && !found.scheme)) return false;
  const { address } = found;
  if (address === undefined || /^v[0-9a-f]+\.[a-z0-9._~!$&'()*+,;=:-]+$/i.test(address)) return true;
  return /^[0-9A-Fa-f:.]+$/.test(address) && isIPv6(address);
}

/**
 * Returns a message that is safe, or throws Refused. A forwarded event has signals, and
 * others have parents.
 */
function encode(eventName, parents, payload, metadata, signals = [eventName, ...parents, "remote_event", "event"]) {
  const names = Object.keys(metadata);
  const list = signals.map((signal) => JSON.stringify(signal)).join(", ");
  const last = names.length > 0 ? `, "metadata": ${JSON.stringify(metadata)}` : "";
  const message = Buffer.from(`{"data": ${payload}, "signals": [${list}]${last}}`);
  let faults, data;
  try {
    data = scan(payload); // by itself: it may not end the object that it stands in
    faults = decode(message).faults;
  } catch (error) {
    throw error instanceof Malformed ? new Refused(error.message) : error;
  }
  const forbidden = ["_signals", "_propagated", "__func__", "im_func"];
  for (const [fault, found] of Object.entries({
    "WIRE-1": data.first !== "{",
    "WIRE-5": data.children.some(([name]) => forbidden.includes(name)),
    "JSON-1": SURROGATE.test(payload) || signals.some((signal) => SURROGATE.test(signal)),
    "SIG-1": signals[0] !== eventName,
    "SIG-2": signals.at(-2) !== "remote_event" || signals.at(-1) !== "event",
    "SIG-3": new Set(signals).size < signals.length,
    "SIG-4": signals.some((signal) => signal.startsWith("kernel.")),
    "META-2": !names.every(isAttribute),
    "META-5": !names.every((name) => hasForm(name, metadata[name])),
    "LIMIT-2": message.length > SENT.bytes,
  })) {
    if (found) faults.add(fault);
  }
  if (faults.size > 0) throw new Refused([...faults].sort().join(", "));
  return message;
}

/** The client's options for a URL, of a unix socket too. */
function options(url) {
  if (!url.startsWith("unix:")) return { url };
  const parsed = new URL(url.replace(/^unix:\/\/([^/]*)/, "http://$1localhost")); // a URL with a password needs a host
  return {
    socket: { path: decodeURIComponent(parsed.pathname), tls: false },
    database: Number(parsed.searchParams.get("db") ?? 0),
    username: decodeURIComponent(parsed.username) || undefined,
    password: decodeURIComponent(parsed.password) || undefined,
  };
}

const AS_BYTES = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** A connected client that goes on after a lost connection and repeats nothing. */
async function connect(url) {
  const client = createClient(options(url));
  client.on("error", (error) => console.error(String(error)));
  await client.connect();
  return client;
}

let sender;

/** Sends an event with these attributes and no others, or throws. */
export async function send(url, eventName, parents, payload, metadata, signals) {
  const message = encode(eventName, parents, payload, metadata, signals);
  sender ??= connect(url);
  await (await sender).sendCommand(["LPUSH", Buffer.from(eventName), message]);
}

/** Ends the sender's connection. */
export const close = async () => (await sender)?.destroy();

/**
 * Consumes queues, each on a connection of its own, and calls heard for every
 * call of a listener. A signal has a listener for each time that it is named.
 */
export class Receiver {
  static async start(url, queues, signals, heard) {
    const receiver = new Receiver();
    Object.assign(receiver, { listeners: signals, heard, stopped: false });
    const consume = async (queue) => receiver.consume(await connect(url), queue);
    receiver.loops = [...new Set(queues)].map(consume);
    return receiver;
  }

  /** Returns when what was taken is handled. */
  async stop() {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  async consume(client, queue) {
    for (let pause = 50; !this.stopped; ) {
      try {
        const taken = await client.sendCommand(["BRPOP", Buffer.from(queue), "1"], AS_BYTES);
        pause = 50;
        if (taken) await this.deliver(queue, taken[1]);
      } catch (error) {
        console.error(`queue ${JSON.stringify(queue)}: ${error}`);
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(2 * pause, 5000);
      }
    }
    client.destroy();
  }

  async deliver(queue, message) {
    let event;
    try {
      event = decode(message);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      console.error(`queue ${JSON.stringify(queue)}: malformed message of ${message.length} bytes: ${error.message}`);
      return;
    }
    const called = [...new Set(event.signals)].filter((signal) => !signal.startsWith("kernel."));
    for (const signal of called.flatMap((signal) => this.listeners.filter((listener) => listener === signal))) {
      try {
        await this.heard(signal, event.signals[0], event.signals, event.payload, event.attributes);
      } catch (error) {
        console.error(`queue ${JSON.stringify(queue)}: a listener failed: ${error?.name}`);
      }
    }
  }
}
