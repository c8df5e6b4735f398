// Sends actions and parameter changes and returns their answers.

/** @typedef {{ok: boolean, applied: any, active: boolean | null, error: string | null}} Ack */

const TIMEOUT_MS = 40000; // above the viewer's own timeouts: only a viewer that hangs reaches it

export class Requests {
  #connection;
  #count = 0;
  #pending = new Map();

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.on("ack", (ack) => this.#take(ack));
    connection.on("close", () => this.#failAll("the connection to the viewer was lost"));
  }

  /** Send a request and return its final answer. `onAccepted` is called when the answer takes longer.
   * @param {object} message @param {() => void} [onAccepted] @returns {Promise<Ack>} */
  send(message, onAccepted) {
    this.#count += 1;
    const id = String(this.#count);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#finish(id, refused("no answer")), TIMEOUT_MS);
      this.#pending.set(id, { resolve, onAccepted, timer });
      if (!this.#connection.send({ ...message, request_id: id })) this.#finish(id, refused("the viewer is not connected"));
    });
  }

  /** @param {any} ack */
  #take(ack) {
    if (ack.ok && ack.applied === null) this.#pending.get(ack.request_id)?.onAccepted?.();
    else this.#finish(ack.request_id, ack);
  }

  /** @param {string} id @param {Ack} ack */
  #finish(id, ack) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    pending.resolve(ack);
  }

  /** @param {string} error */
  #failAll(error) {
    for (const id of [...this.#pending.keys()]) this.#finish(id, refused(error));
  }
}

/** @param {string} error @returns {Ack} */
function refused(error) {
  return { ok: false, applied: null, active: null, error };
}
