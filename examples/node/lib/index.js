// Remote events through Redis lists: a small implementation of spec/wire.md and
// spec/reliable.md. ../index.d.ts describes it.
export { EventType } from "./chain.js";
export { Malformed, NotStored, OutcomeUnknown, PayloadError, Permanent, Rejected, RemoteEventError, SendError } from "./errors.js";
export { Event } from "./event.js";
export { judge } from "./judge.js";
export { companionKeys } from "./keys.js";
export { decode, encode } from "./message.js";
export { Receiver } from "./receiver.js";
export { ReliableReceiver } from "./reliable.js";
export { Severity } from "./scan.js";
export { Sender } from "./sender.js";
