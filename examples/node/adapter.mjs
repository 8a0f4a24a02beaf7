// The adapter of this package for the compatibility harness. Copy it for your implementation
// and replace lib/. It implements the protocol of compat/README.md.
import { createInterface } from "node:readline";
import { evaluate } from "./evaluate.mjs";
import * as implementation from "./lib/index.js";

const url = process.env.REDIS_URL ?? "";
const classes = ["legacy-safe sender", "receiver", "reliable receiver", "validator"];
const sender = new implementation.Sender(url, { plain: true });
/** @type {implementation.Receiver | undefined} */
let receiver;
/** @type {Map<number, (request: any) => void>} */
const held = new Map(); // the calls of listeners that wait for a return
let calls = 0, ended = false; // ended: stdin has ended, so no return follows

/** @param {object} message */
const emit = (message) => process.stdout.write(JSON.stringify(message) + "\n");

/** @type {(signal: string, hold: boolean) => (event: implementation.Event) => Promise<void>} */
const listener = (signal, hold) => async ({ name, signals, payloadText, metadata }) => {
  const report = { op: "event", signal, event_name: name, signals, payload_text: payloadText, metadata };
  if (!hold) return void emit(report);
  const call = ++calls;
  const returned = ended ? { error: "stdin has ended" } : new Promise((resolve) => held.set(call, resolve));
  emit({ ...report, call });
  const { error, permanent } = await returned;
  if (error !== undefined) throw permanent ? new implementation.Permanent(error) : new Error(error);
};

/** @param {any} request */
function receive({ queues, signals, hold = false, reliable }) {
  const listeners = new Map();
  for (const signal of signals) listeners.set(signal, [...(listeners.get(signal) ?? []), listener(signal, hold)]);
  if (!reliable) return new implementation.Receiver(url, listeners, { queues });
  const { lease_ms: lease, max_attempts: maxAttempts, retry_ms: retryDelay } = reliable;
  const attempts = { maxAttempts, maxSuspectAttempts: maxAttempts };
  return new implementation.ReliableReceiver(url, listeners, { queues, lease, ...attempts, retryDelay });
}

/** @param {any} request */
async function answer(request) {
  const { op, id, event_name: name, payload_text: payloadText, metadata } = request;
  switch (op) {
    case "hello":
      return { op, protocol: 1, name: "remote-event-node", version: "0.1.0", classes, details: { node: process.versions.node } };
    case "send":
      if (typeof name !== "string" || typeof payloadText !== "string") throw new Error("unsupported: text that is not UTF-8");
      if (request.signals) await sender.forward(new implementation.Event({ name, signals: request.signals, payloadText, metadata }));
      else await sender.send(name, payloadText, { parents: request.parents, metadata });
      return { op: "sent", id };
    case "receive":
      receiver = receive(request);
      receiver.start();
      return { op: "ready", id };
    case "return":
      held.get(request.call)?.(request);
      held.delete(request.call);
      return { op: "returned", id };
    case "evaluate":
      return { op: "evaluated", id, output: evaluate(request.family, request.input) };
  }
  throw new Error(`unsupported request ${op}`);
}

async function stop() {
  await receiver?.stop();
  await sender.close();
  process.exit(0); // the loop below may wait for a request
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let request;
  try {
    request = JSON.parse(line);
    if (request.op === "stop") stop(); // returns are still read
    else emit(await answer(request));
  } catch (error) {
    emit({ op: "failed", id: request?.id ?? null, error: String(error) });
  }
}
ended = true;
for (const fail of held.values()) fail({ error: "stdin has ended" });
await stop();
