// Checked by tsc, not run: lib/ has the types that index.d.ts declares, and a program uses them.
import * as actual from "./lib/index.js";
import * as declared from "./index.js";

export const checked: typeof declared = actual;
export const complete: Record<keyof typeof actual, unknown> = declared;

export async function program(url: string): Promise<void> {
  const file = new declared.EventType("file_event");
  const sender = new declared.Sender(url, { source: "/uploads" });
  try {
    const { metadata }: declared.Event = await sender.send(new declared.EventType("new_file_event", file), { path: "/x", size: 2n });
    console.log(metadata.id);
  } catch (error) {
    if (error instanceof declared.OutcomeUnknown) await sender.forward(error.event);
    if (error instanceof declared.Rejected) console.log(error.requirements);
  }
  const receiver = new declared.ReliableReceiver(url, { file_event: async (event) => console.log(event.payload.path, event.leaseLost.aborted) }, { lease: 1000 });
  process.once("SIGTERM", () => void receiver.stop());
  await receiver.run();
  // @ts-expect-error a payload is an object
  await sender.send("e", 1);
}
