/**
 * Remote events through Redis lists. All times are in milliseconds. No error quotes a
 * payload or a password.
 */
import type { RedisClientOptions } from "@redis/client";

/** A URL (`redis:`, `rediss:`, `unix:`), or a client whose address and credentials are used. */
export type Redis = string | { options?: RedisClientOptions };

/** A remote event. console.log and JSON.stringify do not show its payload. */
export class Event {
  constructor(members: {
    name: string;
    signals: readonly string[];
    payloadText: string;
    metadata?: Readonly<Record<string, string>>;
  });
  readonly name: string;
  readonly signals: readonly string[];
  /** The payload: a JSON object, byte for byte as it was sent. */
  readonly payloadText: string;
  /**
   * The payload as JavaScript values. An integer beyond the safe integers is a bigint.
   * Throws PayloadError if there is no such value.
   */
  readonly payload: any;
  /** The attributes. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The attempt of a reliable receiver, from 1. */
  readonly attempt: number;
  /** Aborted when another receiver may handle the same message (REL-17). */
  readonly leaseLost: AbortSignal;
}

/** The declaration of an event: its name, and its parents, which are declarations, too. */
export class EventType {
  /** Throws RangeError for a reserved name (CHAIN-4, SIG-4) or the name of an ancestor (CHAIN-3). */
  constructor(name: string, ...parents: EventType[]);
  readonly name: string;
  readonly parents: readonly EventType[];
  /** The names of the ancestors, nearest first, without duplicates. */
  readonly ancestors: readonly string[];
  /** The signal chain. */
  readonly signals: readonly string[];
}

export interface SenderOptions {
  /** The attribute `source` of each event. By default there is none. */
  source?: string;
  /** Whether events have only the attributes of `send`. By default they also have `id` and `time` (SEND-4). */
  plain?: boolean;
}

export interface SendOptions {
  /** The names of the ancestors, nearest first. They are ignored for an EventType. */
  parents?: readonly string[];
  /** Attributes (META-2). */
  metadata?: Readonly<Record<string, string>>;
}

/** Sends events over one connection. */
export class Sender {
  constructor(redis: Redis, options?: SenderOptions);
  /**
   * Sends an event, and returns it with the attributes that were added.
   *
   * The payload is a plain object, or the text of a JSON object, whose bytes are kept. An
   * object may have bigints. A number beyond the safe integers is written with an exponent.
   *
   * Rejects with Rejected before anything is sent, with NotStored, or with OutcomeUnknown if
   * Redis may have stored the event. `send` never repeats the push (SEND-5).
   */
  send(event: string | EventType, payload: string | Record<string, unknown>, options?: SendOptions): Promise<Event>;
  /** Sends a received event, or the event of an OutcomeUnknown, without changes. */
  forward(event: Event): Promise<Event>;
  /** Ends the connection. */
  close(): Promise<void>;
}

/** A listener that throws, or whose promise is rejected, has failed. */
export type Listener = (event: Event) => unknown;
/** The listeners of each signal, several in their order. A Map for names such as "__proto__". */
export type Listeners = Readonly<Record<string, Listener | Listener[]>> | Map<string, Listener | Listener[]>;

export interface ReceiverOptions {
  /** The default is the signals of the listeners, except "remote_event" and "event". */
  queues?: readonly string[];
  /** By default the console. Messages are constant, and have no payload. */
  log?: { warn(message: string, attributes: object): void; error(message: string, attributes: object): void };
}

/**
 * Consumes queues, and calls listeners. Delivery is at most once: a crash loses the message
 * that is being handled.
 *
 * Each queue has its own connection. Its messages are handled one after another, in
 * their order (RECV-11). A listener that fails, a malformed message and an error of Redis
 * are logged, and the receiver continues (RECV-5, RECV-6).
 */
export class Receiver {
  constructor(redis: Redis, listeners: Listeners, options?: ReceiverOptions);
  /** Starts to receive, once, and returns. Redis need not be reachable yet. */
  start(): void;
  /** Receives until `stop` is called, and resolves when the receiver has stopped. */
  run(): Promise<void>;
  /**
   * Stops, and resolves when the listeners have returned and no taken message is left
   * (RECV-12). It takes about a second if no message is being handled. A listener must not
   * await it.
   */
  stop(): Promise<void>;
}

export interface ReliableOptions extends ReceiverOptions {
  /**
   * The time after which another process takes the messages of a process that has died;
   * 30,000 by default. It is extended while a listener works, unless the listener blocks the
   * event loop.
   */
  lease?: number;
  /** The attempts until a message is a dead letter; 25 by default. */
  maxAttempts?: number;
  /** The attempts of a message that ends processes, after two attempts that do not count (REL-39); 5 by default. */
  maxSuspectAttempts?: number;
  /**
   * The delay of an attempt is a random time between half a bound and the bound, which begins
   * here, and doubles with each attempt; 1,000 by default.
   */
  retryDelay?: number;
  /** The maximum of the bound; 600,000 by default. */
  maxRetryDelay?: number;
}

/**
 * Consumes queues like a Receiver, and delivers at least once: a message is handled, or it
 * becomes a dead letter that an operator can inspect. After a crash, a message may be
 * handled twice.
 *
 * If a listener fails, its message is handled again. A malformed message becomes a dead
 * letter at once. So does a message whose failing listeners all throw Permanent.
 */
export class ReliableReceiver extends Receiver {
  constructor(redis: Redis, listeners: Listeners, options?: ReliableOptions);
}

/** The effect of a finding: the message stays safe, is tolerated, or is malformed. */
export const Severity: { readonly warning: 0; readonly tolerated: 1; readonly malformed: 2 };

export interface Judgement {
  verdict: "safe" | "tolerated" | "malformed";
  /** The prediction for an original receiver. */
  legacy: "delivers" | "drops" | "dies";
  /**
   * The severity of each violated requirement. For a malformed message, it has at least those that
   * make it malformed.
   */
  findings: Map<string, number>;
  /** Null if the message is malformed. */
  event: Event | null;
}

/**
 * Returns both verdicts on a message in the list `key` (VERDICT-1 to VERDICT-3). If the key
 * is not known, the name of the event counts as the key. It never throws.
 */
export function judge(message: Uint8Array, key?: string | Uint8Array): Judgement;

/** Returns the message of an event, which is safe. Throws Rejected. */
export function encode(event: Event): Buffer;
/** Returns the event of a message. Throws Malformed. */
export function decode(message: Uint8Array): Event;

/** Returns the nine companion keys of a queue (REL-3). Throws RangeError for a reserved name. */
export function companionKeys(queue: string | Buffer): Buffer[];

/** The base class of the errors of senders and receivers. */
export class RemoteEventError extends Error {
  constructor(message: string);
}

/** No receiver delivers the message. */
export class Malformed extends RemoteEventError {
  constructor(...requirements: string[]);
  readonly requirements: string[];
}

/** An event was not sent, or may not have been sent. */
export class SendError extends RemoteEventError {
  constructor(event: Event, reason: string);
  readonly event: Event;
}

/** The event is not safe to send. Nothing was sent (SEND-1, SEND-2). */
export class Rejected extends SendError {
  constructor(event: Event, requirements: Iterable<string>);
  readonly requirements: string[];
}

/** Redis is unreachable, or replied with an error. It does not have the event. */
export class NotStored extends SendError {}

/**
 * The connection was lost before the reply: Redis may have the event (SEND-6).
 * `sender.forward(error.event)` sends it again with the same id, possibly twice.
 */
export class OutcomeUnknown extends SendError {}

/**
 * A listener throws it if no other attempt can succeed: a reliable receiver makes the message
 * a dead letter at once (REL-23). Its text is not stored.
 */
export class Permanent extends Error {
  constructor(message?: string);
}

/** The payload has a value that JavaScript cannot represent (TYPE-17). */
export class PayloadError extends Permanent {}
