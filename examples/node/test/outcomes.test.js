// The outcomes that a sender reports if Redis denies an event or ends the connection (SEND-6).
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { Event, NotStored, OutcomeUnknown, Sender } from "../lib/index.js";

test("a sender reports three outcomes, and repeats nothing", async () => {
  let pushes = 0; // each is answered with one of these texts, or by ending the connection
  const answers = [":1\r\n", '-OOM {"secret": 1}\r\n', "", ":1\r\n", ""];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (received) => {
      if (!received.includes("LPUSH")) return void socket.write("+OK\r\n".repeat(String(received).match(/^\*/gm)?.length ?? 0));
      pushes++;
      const answer = answers.shift();
      if (answer) socket.write(answer);
      else socket.destroy();
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const sender = new Sender(`redis://127.0.0.1:${port}/0`);
  assert.ok((await sender.send("e", {})) instanceof Event);
  await assert.rejects(sender.send("e", { secret: 1 }), (error) => error instanceof NotStored && !error.message.includes("secret"));
  const unknown = await sender.send("e", {}).catch((error) => error);
  assert.ok(unknown instanceof OutcomeUnknown);
  assert.equal(await sender.forward(unknown.event), unknown.event); // over another connection
  await assert.rejects(sender.send("e", {}), OutcomeUnknown);
  assert.equal(pushes, 5); // no push was repeated
  await sender.close();
  server.close();
});
