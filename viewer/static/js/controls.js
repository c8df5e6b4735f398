// Buttons and tabs: everything a hand touches except the keyboard and the parameters.

import { byId, make, recall, remember, setAttribute, setText } from "./dom.js";

const ANSWER_SHOWN_MS = 1800;
const REPORT_DELAY_MS = 1000; // of a state of the simulation, after it has answered
const TOAST_MS = 4000;

/** @param {string} state @param {string} text */
export function toast(state, text) {
  const element = make("div", { class: "toast", "data-state": state }, text);
  byId("toasts").append(element);
  setTimeout(() => element.remove(), state === "refused" ? 2 * TOAST_MS : TOAST_MS);
}

/** Pause/resume and respawn, with what became of them on the button and as a notice. */
export class Actions {
  #requests;
  #isPaused = false; // as the simulation reports it
  #wanted = /** @type {boolean | null} */ (null); // what the last press asked for, until it is reported
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
    toast(button.dataset.state, ack.ok ? `${action}: done` : `${action}: ${ack.error}`);
    setTimeout(() => button.dataset.state !== "pending" && delete button.dataset.state, ANSWER_SHOWN_MS);
    return ack.ok;
  }
}

/** Toggle buttons of the overlay layers. @param {import("./picture.js").Picture} picture */
export function wireLayers(picture) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-layer]"))) {
    const layer = /** @type {keyof typeof picture.layers} */ (button.dataset.layer);
    const show = (/** @type {boolean} */ isOn) => {
      picture.layers[layer] = isOn;
      button.setAttribute("aria-pressed", String(isOn));
      picture.redrawOverlay();
    };
    show(recall(`layer.${layer}`, String(picture.layers[layer])) === "true");
    button.addEventListener("click", () => {
      show(!picture.layers[layer]);
      remember(`layer.${layer}`, String(picture.layers[layer]));
    });
  }
}

/** @param {import("./plots.js").Plots} plots */
export function wireHold(plots) {
  const button = byId("hold-plots");
  button.addEventListener("click", () => {
    plots.hold(!plots.isHeld);
    button.setAttribute("aria-pressed", String(plots.isHeld));
  });
}

/** Tabs as the ARIA pattern has them: arrows move, the selected one is in the tab order. @param {import("./events.js").Events} events */
export function wireTabs(events) {
  const tabs = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[role=tab]")]);
  const select = (/** @type {HTMLElement} */ chosen) => {
    for (const tab of tabs) {
      tab.setAttribute("aria-selected", String(tab === chosen));
      tab.tabIndex = tab === chosen ? 0 : -1;
      byId(/** @type {string} */ (tab.getAttribute("aria-controls"))).classList.toggle("selected", tab === chosen);
    }
    if (chosen.id === "tab-events") events.markSeen();
    remember("tab", chosen.id);
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => select(tab));
    tab.addEventListener("keydown", ({ key }) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (!move) return;
      const next = tabs[(i + move + tabs.length) % tabs.length];
      select(next);
      next.focus();
    });
  });
  select(tabs.find((tab) => tab.id === recall("tab", "tab-tune")) ?? tabs[0]);
}
