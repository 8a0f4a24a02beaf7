// JavaScript values as payloads, and errors that name no payload.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Event, NotStored, PayloadError, Receiver, Rejected, ReliableReceiver, Sender, encode, judge } from "../lib/index.js";
import * as values from "../lib/values.js";

const NOWHERE = "redis://user:s3cr3t@127.0.0.1:1/0";

/** @param {number} levels */
function nested(levels) {
  /** @type {any} */
  let value = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

test("values become text, and the same values again", () => {
  for (const [value, text] of /** @type {[any, string][]} */ ([
    [{ a: [1, -2.5, "é\n", null, true] }, '{"a": [1, -2.5, "é\\n", null, true]}'],
    [{ n: 2n ** 63n, f: 1e16, z: -0 }, '{"n": 9223372036854775808, "f": 1e+16, "z": -0.0}'],
    [JSON.parse('{"__proto__": {"b": 1}, "1": 2}'), '{"1": 2, "__proto__": {"b": 1}}'],
    [{}, "{}"],
  ])) {
    assert.equal(values.encode(value), text);
    assert.deepEqual(values.decode(text), value);
  }
  assert.ok(Number.isNaN(values.decode('{"a": NaN}').a));
});

test("a sender rejects what is not portable", async () => {
  const sender = new Sender(NOWHERE);
  for (const [payload, requirement] of /** @type {[any, string][]} */ ([
    [{ a: NaN }, "JSON-4"], [{ a: "\ud800" }, "JSON-9"], [{ a: 10n ** 5000n }, "JSON-7"],
    [{ a: nested(511) }, "LIMIT-1"], [{ __func__: 1 }, "WIRE-5"], ["[]", "WIRE-1"], ["{", "JSON-2"],
  ])) {
    await assert.rejects(sender.send("e", payload), (error) => error instanceof Rejected && error.requirements.includes(requirement));
  }
  await assert.rejects(sender.send("e", { a: undefined }), TypeError);
  await assert.rejects(sender.send("e", { a: new Date() }), TypeError);
});

test("an error has the event, and names neither payload nor password", async () => {
  const sender = new Sender(NOWHERE, { source: "/a" });
  await assert.rejects(sender.send("e", { a: nested(510), secret: "p4yl0ad" }, { metadata: { region: "x" } }), (error) => {
    assert.ok(error instanceof NotStored);
    assert.doesNotMatch(inspect(error) + JSON.stringify(error), /s3cr3t|p4yl0ad/);
    assert.deepEqual(Object.keys(error.event.metadata), ["id", "time", "source", "region"]);
    assert.equal(judge(encode(error.event), "e").verdict, "safe");
    return true;
  });
  await sender.close();
});

test("a payload that JavaScript cannot represent is an error", () => {
  for (const payloadText of ['{"a": 1e400}', `{"a": ${"1".repeat(4301)}}`]) {
    assert.throws(() => new Event({ name: "e", signals: ["e"], payloadText }).payload, PayloadError);
  }
  assert.doesNotThrow(() => new Event({ name: "e", signals: ["e"], payloadText: `{"a": ${"[".repeat(9000)}1${"]".repeat(9000)}}` }).payload);
});

test("constructors check their arguments", () => {
  assert.throws(() => new ReliableReceiver(NOWHERE, { "remote-event:v1:x": console.log }), RangeError);
  assert.throws(() => new Receiver(NOWHERE, { event: console.log }), TypeError);
  assert.throws(() => new Sender("redis://:s3cr3t/x@localhost"), (error) => !inspect(error).includes("s3cr3t"));
});
