// Declarations of events, from which their signal chains follow.
import { BASE_SIGNALS } from "./judge.js";

/** The declaration of an event: its name, and its parents, which are declarations, too. */
export class EventType {
  /**
   * Throws RangeError for a reserved name (CHAIN-4, SIG-4) or the name of an ancestor (CHAIN-3).
   * @param {string} name
   * @param {...EventType} parents
   */
  constructor(name, ...parents) {
    if (BASE_SIGNALS.includes(name) || name.startsWith("kernel.")) {
      throw new RangeError(`event type ${JSON.stringify(name)}: the name is reserved (CHAIN-4, SIG-4)`);
    }
    this.name = name;
    this.parents = parents;
    if (this.ancestors.includes(name)) {
      throw new RangeError(`event type ${JSON.stringify(name)}: an ancestor has the same name (CHAIN-3)`);
    }
  }

  /**
   * The names of the ancestors, nearest first, without duplicates (CHAIN-1, CHAIN-2).
   * @returns {string[]}
   */
  get ancestors() {
    return [...new Set(this.parents.flatMap((parent) => [parent.name, ...parent.ancestors]))];
  }

  /** The signal chain. */
  get signals() {
    return [this.name, ...this.ancestors, ...BASE_SIGNALS];
  }
}
