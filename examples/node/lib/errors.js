// The errors of the package. None of them quotes a payload or a password.

/** The base class of the errors of senders and receivers. */
export class RemoteEventError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/** No receiver delivers the message. */
export class Malformed extends RemoteEventError {
  /** @param {string[]} requirements The violated requirements. */
  constructor(...requirements) {
    super(`malformed: ${requirements.join(", ")}`);
    this.requirements = requirements;
  }
}

/** An event was not sent, or may not have been sent. */
export class SendError extends RemoteEventError {
  /**
   * @param {import("./event.js").Event} event
   * @param {string} reason
   */
  constructor(event, reason) {
    super(`send ${JSON.stringify(event.name)}: ${reason}`);
    this.event = event;
  }
}

/** The event is not safe to send. Nothing was sent (SEND-1, SEND-2). */
export class Rejected extends SendError {
  /**
   * @param {import("./event.js").Event} event
   * @param {Iterable<string>} requirements The violated requirements.
   */
  constructor(event, requirements) {
    const sorted = [...requirements].sort();
    super(event, `rejected: ${sorted.join(", ")}`);
    this.requirements = sorted;
  }
}

/** Redis is unreachable, or replied with an error. It does not have the event. */
export class NotStored extends SendError {
  /**
   * @param {import("./event.js").Event} event
   * @param {string} reason
   */
  constructor(event, reason) {
    super(event, `not stored: ${reason}`);
  }
}

/**
 * The connection was lost before the reply: Redis may have the event (SEND-6).
 * `sender.forward(error.event)` sends it again with the same id, possibly twice.
 */
export class OutcomeUnknown extends SendError {
  /**
   * @param {import("./event.js").Event} event
   * @param {string} reason
   */
  constructor(event, reason) {
    super(event, `outcome unknown: ${reason}`);
  }
}

/**
 * A listener throws it if no other attempt can succeed: a reliable receiver makes the
 * message a dead letter at once (REL-23). Its text is not stored.
 */
export class Permanent extends Error {
  /** @param {string} [message] */
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}

/**
 * The payload has a value that JavaScript cannot represent (TYPE-17). `payloadText` of the
 * event has it.
 */
export class PayloadError extends Permanent {}
