// Keyboard shortcuts of the page, and which keys belong to the focused element instead.

import { byId } from "./dom.js";

const TEXT_ENTRIES = "input:not([type=range], [type=checkbox]), select, textarea";
// A tab that has the focus is selected already: it has no use for the space bar, and keeps the focus for the arrow keys.
const PRESSED_BY_SPACE = ":is(button, summary, a, input[type=checkbox]):not([role=tab])";
const PRESSED_BY_ENTER = "button, summary, a";

/** Whether the element that has the focus handles this key itself.
 * @param {HTMLElement} focused @param {string} key */
function handlesKey(focused, key) {
  // A dialog that was just closed keeps the focus until the next screen refresh.
  if (!focused.checkVisibility()) return false;
  return focused.closest(TEXT_ENTRIES) !== null || (key === " " && focused.closest(PRESSED_BY_SPACE) !== null);
}

/** Start the shortcuts that the help dialog lists. @param {import("./actions.js").Actions} actions */
export function startKeyboard(actions) {
  const help = /** @type {HTMLDialogElement} */ (byId("help-dialog"));
  byId("help").addEventListener("click", () => help.showModal());
  addEventListener("click", releaseFocus, { capture: true });
  addEventListener("keydown", ignoreHeldEnter, { capture: true });
  const click = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector)).click();
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || document.querySelector("dialog[open]")) return;
    if (handlesKey(/** @type {HTMLElement} */ (event.target), event.key)) return;
    const layer = document.querySelectorAll("[data-layer]")[Number(event.key) - 1];
    if (event.key === " ") actions.togglePause();
    else if (event.key.toLowerCase() === "r") actions.respawn();
    else if (event.key.toLowerCase() === "h") click("#freeze-plots");
    else if (event.key === "?") help.showModal();
    else if (layer) /** @type {HTMLElement} */ (layer).click();
    else return;
    event.preventDefault();
  });
}

/** After a click with a pointer, take the focus off: the space bar then pauses and does not press the element again.
 * @param {MouseEvent} event */
function releaseFocus({ target, detail }) {
  if (detail === 0) return; // pressed by a key or a screen reader
  const pressed = /** @type {HTMLElement} */ (target).closest(PRESSED_BY_SPACE);
  if (pressed) /** @type {HTMLElement} */ (pressed).blur();
}

/** Press an element once for each stroke of Enter: a held key repeats. @param {KeyboardEvent} event */
function ignoreHeldEnter(event) {
  const isHeld = event.repeat && event.key === "Enter";
  if (isHeld && /** @type {HTMLElement} */ (event.target).closest(PRESSED_BY_ENTER)) event.preventDefault();
}
