// Toggle buttons of the overlay layers. The choice is kept across reloads.

import { loadSetting, saveSetting } from "./settings.js";

/** @param {import("./camera.js").Camera} camera */
export function startLayerButtons(camera) {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-layer]"))) {
    const layer = /** @type {keyof typeof camera.layers} */ (button.dataset.layer);
    const show = (/** @type {boolean} */ isOn) => {
      camera.layers[layer] = isOn;
      button.setAttribute("aria-pressed", String(isOn));
      camera.redrawOverlay();
    };
    show(loadSetting(`layer.${layer}`, String(camera.layers[layer])) === "true");
    button.addEventListener("click", () => {
      show(!camera.layers[layer]);
      saveSetting(`layer.${layer}`, String(camera.layers[layer]));
    });
  }
}
