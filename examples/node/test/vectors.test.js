// The vectors of validators, senders, signal chains and companion keys.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Event, EventType, Rejected, Severity, companionKeys, encode, judge } from "../lib/index.js";
import { slot, tag } from "../lib/keys.js";

const SPEC = process.env.REMOTE_EVENT_SPEC ? pathToFileURL(`${process.env.REMOTE_EVENT_SPEC}/`) : new URL("../../../spec/", import.meta.url);

/**
 * The bytes of a text, of base64 or of parts.
 * @param {any} form
 * @returns {Buffer}
 */
function raw(form) {
  if (typeof form === "string") return Buffer.from(form);
  if (Array.isArray(form)) return Buffer.concat(form.map(raw));
  return form.base64 !== undefined ? Buffer.from(form.base64, "base64") : Buffer.from(form.repeat.repeat(form.times));
}

/**
 * Runs every case of these families.
 * @param {string[]} families
 * @param {(case_: any) => void} play
 */
function vectors(families, play) {
  for (const family of families) {
    test(family, () => {
      for (const one of JSON.parse(readFileSync(new URL(`vectors/${family}.json`, SPEC), "utf8")).cases) {
        try {
          play(one);
        } catch (error) {
          throw new Error(one.id, { cause: error });
        }
      }
    });
  }
}

/** @param {Event | null} event */
const plain = (event) => event && { ...event, metadata: { ...event.metadata }, payload: event.payloadText };

vectors(["wire", "poison", "limits", "metadata", "evolution"], (one) => {
  const { verdict, legacy, findings, event } = judge(raw(one.message), one.key ?? "e");
  const found = [...findings.keys()].filter((id) => verdict !== "malformed" || findings.get(id) === Severity.malformed);
  assert.deepEqual({ verdict, legacy, findings: found.sort() }, { verdict: one.verdict, legacy: one.legacy, findings: one.findings.sort() });
  if (event === null || !one.delivered) return;
  assert.deepEqual(event.signals, one.delivered.signals);
  assert.deepEqual(Buffer.from(event.payloadText), raw(one.delivered.payload));
  assert.deepEqual({ ...event.metadata }, one.delivered.attributes ?? {});
});

vectors(["send"], ({ event, flags = [], ...one }) => {
  if (flags.includes("bytes")) return; // a string of JavaScript has no bytes
  const name = raw(event.event_name).toString();
  const signals = event.signals ?? [name, ...(event.ancestors ?? []), "remote_event", "event"];
  const sent = new Event({ name, signals, payloadText: raw(event.payload).toString(), metadata: event.attributes });
  if (!one.rejected) {
    assert.deepEqual(plain(judge(encode(sent)).event), plain(judge(raw(one.message)).event));
    return;
  }
  assert.throws(() => encode(sent), (error) => error instanceof Rejected && error.requirements.some((id) => one.rejected.includes(id)));
});

vectors(["chain"], (one) => {
  /** @type {Map<string, EventType>} */
  const types = new Map();
  try {
    for (const { type, event_name: name, parents = [] } of one.types) {
      types.set(type, new EventType(name, ...parents.map((/** @type {string} */ parent) => types.get(parent))));
    }
  } catch {
    assert.ok(one.rejected);
    return;
  }
  if (one.signals) assert.deepEqual(types.get(one.types.at(-1).type)?.signals, one.signals);
  else assert.ok(one.types.some((/** @type {any} */ declared) => declared.members)); // a declaration here has no members
});

vectors(["companions"], (one) => {
  const queue = raw(one.queue);
  if (one.rejected) {
    assert.throws(() => companionKeys(queue), RangeError);
    return;
  }
  assert.deepEqual([tag(queue), slot(queue.toString("latin1"))], [raw(one.tag), one.slot]);
  assert.deepEqual(companionKeys(queue).slice(0, one.companions.length), one.companions.map(raw));
});

test("the scripts are those of the specification (REL-9)", () => {
  const copies = new URL("../lib/lua/", import.meta.url);
  for (const name of readdirSync(copies)) {
    assert.deepEqual(readFileSync(new URL(name, copies)), readFileSync(new URL(`lua/${name}`, SPEC)));
  }
});
