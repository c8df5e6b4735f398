// Buttons, keys, tabs: everything a hand touches except the parameters.

import { byId, make, recall, remember, setAttribute, setText } from "./dom.js";

const ANSWER_SHOWN_MS = 1800;
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
  isPaused = false;

  /** @param {import("./requests.js").Requests} requests */
  constructor(requests) {
    this.#requests = requests;
    byId("pause").addEventListener("click", () => this.togglePause());
    byId("respawn").addEventListener("click", () => this.respawn());
  }

  /** @param {boolean} isPaused as the simulation reports it */
  showPaused(isPaused) {
    this.isPaused = isPaused;
    const button = byId("pause");
    setAttribute(button, "data-action", isPaused ? "resume" : "pause");
    setText(/** @type {Element} */ (button.querySelector(".caption")), isPaused ? "Resume" : "Pause");
  }

  togglePause() {
    return this.#act(byId("pause"), this.isPaused ? "resume" : "pause");
  }

  respawn() {
    return this.#act(byId("respawn"), "respawn");
  }

  /** @param {HTMLElement} button @param {string} action */
  async #act(button, action) {
    if (button.dataset.state === "pending") return;
    button.dataset.state = "pending";
    const ack = await this.#requests.send({ type: "action", action });
    button.dataset.state = ack.ok ? "applied" : "refused";
    toast(button.dataset.state, ack.ok ? `${action}: done` : `${action}: ${ack.error}`);
    setTimeout(() => delete button.dataset.state, ANSWER_SHOWN_MS);
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

/** @param {Actions} actions */
export function wireKeys(actions) {
  const help = /** @type {HTMLDialogElement} */ (byId("help-dialog"));
  byId("help").addEventListener("click", () => help.showModal());
  // A button that a pointer has pressed gives the keys back: space is to pause, not to press it once more.
  addEventListener("click", ({ target, detail }) => {
    const button = detail > 0 && /** @type {HTMLElement} */ (target).closest("button:not([role=tab])");
    if (button) /** @type {HTMLElement} */ (button).blur();
  }, { capture: true });
  const click = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector)).click();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || help.open) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, select, textarea")) return;
    // On a button or a fold, space presses that one.
    if (event.key === " " && target.closest("button, summary, a")) return;
    const layer = document.querySelectorAll("[data-layer]")[Number(event.key) - 1];
    if (event.key === " ") actions.togglePause();
    else if (event.key.toLowerCase() === "r") actions.respawn();
    else if (event.key.toLowerCase() === "h") click("#hold-plots");
    else if (event.key === "?") help.showModal();
    else if (layer) /** @type {HTMLElement} */ (layer).click();
    else return;
    event.preventDefault();
  });
}
