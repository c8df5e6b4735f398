// The input elements of a parameter, made from its declaration.

import { make } from "./dom.js";

/** @param {any} parameter */
function isRange({ type, minimum, maximum }) {
  return (type === "float" || type === "int") && minimum !== null && maximum !== null;
}

/** Slider step: about 1/200 of the range, rounded up to 1, 2 or 5 times a power of ten. @param {any} parameter */
function step({ type, minimum, maximum }) {
  if (type === "int") return 1;
  const rough = (maximum - minimum) / 200;
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number((([1, 2, 5].find((m) => m * power >= rough) ?? 10) * power).toPrecision(3));
}

/** A slider, or null for a parameter without a range. @param {any} parameter @returns {HTMLInputElement | null} */
export function makeSlider(parameter) {
  if (!isRange(parameter)) return null;
  const { minimum, maximum, name } = parameter;
  return make("input", { type: "range", min: String(minimum), max: String(maximum), step: String(step(parameter)), "aria-label": `${name} slider` });
}

/** The field to type into: number, text, choice or check box. @param {any} parameter @param {string} inputId @returns {any} */
export function makeEntry(parameter, inputId) {
  const { type, choices, minimum, maximum } = parameter;
  const attributes = { id: inputId, class: "entry" };
  if (type === "choice") return make("select", attributes, ...choices.map((/** @type {string} */ c) => make("option", { value: c }, c)));
  if (type === "bool") return make("input", { ...attributes, type: "checkbox" });
  if (type === "str") return make("input", { ...attributes, type: "text", maxlength: "256" });
  const allowed = minimum !== null && maximum !== null ? `${minimum} to ${maximum}` : "";
  return make("input", { ...attributes, type: "number", step: "any", title: allowed });
}
