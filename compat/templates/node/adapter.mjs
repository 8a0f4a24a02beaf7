// An adapter to copy: the protocol of compat/README.md, around
// implementation.mjs in whose place yours goes. It needs Node 18.19 and `npm ci`.
import { createInterface } from "node:readline";
import { Receiver, close, send } from "./implementation.mjs";

const url = process.env.REDIS_URL;
const emit = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const heard = (signal, event_name, signals, payload_text, metadata, call) =>
  emit({ op: "event", signal, event_name, signals, payload_text, metadata, call });

// A listener that ends as the harness tells it to.
const calls = new Map();
let closed = false, last = 0;
const held = (...event) => new Promise((resolve, reject) => {
  if (closed) return reject(new Error("stdin is closed"));
  calls.set(++last, (error) => (error ? reject(new Error(error)) : resolve()));
  heard(...event, last);
});

let receiver;

async function end() {
  await receiver?.stop();
  await close();
  process.exit(0); // it may still read
}

async function answer(request) {
  switch (request.op) {
    case "hello":
      return { op: "hello", protocol: 1, name: "node-template", version: "1", classes: ["legacy-safe sender", "receiver"],
        details: { node: process.versions.node } };
    case "send":
      await send(url, request.event_name, request.parents, request.payload_text, request.metadata ?? {}, request.signals);
      return { op: "sent", id: request.id };
    case "receive":
      if (request.reliable) throw new Error("unsupported: it delivers at most once");
      receiver = await Receiver.start(url, request.queues, request.signals, request.hold ? held : heard);
      return { op: "ready", id: request.id };
    case "return":
      calls.get(request.call)(request.error);
      calls.delete(request.call);
      return { op: "returned", id: request.id };
    case "stop":
      return void end();
    default:
      throw new Error("unsupported op");
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let request = {};
  try {
    request = JSON.parse(line);
    const response = await answer(request);
    if (response) emit(response);
  } catch (error) {
    emit({ op: "failed", id: request?.id ?? null, error: String(error) });
  }
}
closed = true;
for (const end of calls.values()) end("stdin is closed");
await end();
