// An adapter to copy: the protocol of compat/README.md, around
// implementation.mjs in whose place yours goes. It needs Node 18.19 and `npm ci`.
import { createInterface } from "node:readline";
import { Receiver, close, send } from "./implementation.mjs";

const url = process.env.REDIS_URL;
const emit = (message) => process.stdout.write(JSON.stringify(message) + "\n");

const heard = (signal, event_name, signals, payload_text, metadata) =>
  emit({ op: "event", signal, event_name, signals, payload_text, metadata });

let receiver;

async function answer(request) {
  switch (request.op) {
    case "hello":
      return { op: "hello", protocol: 1, name: "node-template", version: "1", classes: ["legacy-safe sender", "receiver"],
        details: { node: process.versions.node } };
    case "send":
      await send(url, request.event_name, request.parents, request.payload_text, request.metadata ?? {});
      return { op: "sent", id: request.id };
    case "receive":
      receiver = await Receiver.start(url, request.queues, request.signals, heard);
      return { op: "ready", id: request.id };
    default:
      throw new Error("unknown op");
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let request = {};
  try {
    request = JSON.parse(line);
    if (request.op === "stop") break;
    emit(await answer(request));
  } catch (error) {
    emit({ op: "failed", id: request?.id ?? null, error: String(error) });
  }
}
await receiver?.stop();
await close();
