// The buttons Pause (Resume) and Respawn.

import { byId, setAttribute, setText } from "./dom.js";
import { showNotice } from "./notices.js";

const RESULT_SHOWN_MS = 1800;
const REPORT_DELAY_MS = 5000; // from the answer of the simulation to the state that it reports

/** Sends the actions; the button and a notice show the result. */
export class Actions {
  #requests;
  #isPaused = false; // as the simulation reports it
  #wanted = /** @type {boolean | null} */ (null); // what the last press asked for, until the simulation reports it
  #wantedUntilMs = Infinity;
  #isSending = false;

  /** @param {import("./requests.js").Requests} requests */
  constructor(requests) {
    this.#requests = requests;
    byId("pause").addEventListener("click", () => this.togglePause());
    byId("respawn").addEventListener("click", () => this.respawn());
  }

  /** @param {boolean} isPaused as the simulation reports it */
  showPaused(isPaused) {
    this.#isPaused = isPaused;
    if (!this.#isSending && (isPaused === this.#wanted || performance.now() > this.#wantedUntilMs)) this.#wanted = null;
    const button = byId("pause");
    setAttribute(button, "data-action", isPaused ? "resume" : "pause");
    setText(/** @type {Element} */ (button.querySelector(".caption")), isPaused ? "Resume" : "Pause");
  }

  /** Ask for the opposite of what was last asked for. A press while a request is pending is sent after its answer. */
  async togglePause() {
    this.#wanted = !(this.#wanted ?? this.#isPaused);
    if (this.#isSending) return;
    this.#isSending = true;
    let sent = null;
    while (this.#wanted !== null && this.#wanted !== sent) {
      sent = this.#wanted;
      if (!(await this.#act(byId("pause"), sent ? "pause" : "resume"))) this.#wanted = null;
    }
    this.#isSending = false;
    this.#wantedUntilMs = performance.now() + REPORT_DELAY_MS;
  }

  /** Ask for a respawn, unless one is pending. */
  async respawn() {
    const button = byId("respawn");
    if (button.dataset.state !== "pending") await this.#act(button, "respawn");
  }

  /** Send an action and show its result. @param {HTMLElement} button @param {string} action */
  async #act(button, action) {
    button.dataset.state = "pending";
    const ack = await this.#requests.send({ type: "action", action });
    button.dataset.state = ack.ok ? "applied" : "refused";
    showNotice(button.dataset.state, ack.ok ? `${action}: done` : `${action}: ${ack.error}`);
    setTimeout(() => button.dataset.state !== "pending" && delete button.dataset.state, RESULT_SHOWN_MS);
    return ack.ok;
  }
}
