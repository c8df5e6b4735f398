// Short notices at the edge of the page: the results of actions.

import { byId, make } from "./dom.js";

const SHOWN_MS = 4000;

/** @param {"applied" | "refused"} state a refusal is shown twice as long @param {string} text */
export function showNotice(state, text) {
  const element = make("div", { class: "toast", "data-state": state }, text);
  byId("toasts").append(element);
  setTimeout(() => element.remove(), state === "refused" ? 2 * SHOWN_MS : SHOWN_MS);
}
