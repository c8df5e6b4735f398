// The panel Tune, built from the broker's parameter table: the page itself knows no parameter.

import { breakable, byId, make, setText } from "./dom.js";
import { formatName } from "./format.js";
import { ParameterRow, parameterId } from "./parameter_row.js";
import { loadSetting, saveSetting } from "./settings.js";

export class Parameters {
  #requests;
  #box = byId("parameters");
  #rows = /** @type {Map<string, ParameterRow>} */ (new Map());
  #declarations = "";

  /** @param {import("./requests.js").Requests} requests */
  constructor(requests) {
    this.#requests = requests;
  }

  /** @param {any} message the `parameters` topic */
  update({ parameters }) {
    // Everything except the values; when it changes, the rows are rebuilt.
    const declarations = JSON.stringify(parameters.map(({ value, active, ...declared }) => declared));
    if (declarations !== this.#declarations) this.#build(parameters);
    this.#declarations = declarations;
    for (const parameter of parameters) this.#rows.get(parameterId(parameter))?.update(parameter);
    for (const item of this.#box.querySelectorAll(".fixed dd")) {
      const parameter = parameters.find((/** @type {any} */ p) => parameterId(p) === item.dataset.id);
      setText(item, String(parameter?.value ?? "none"));
    }
  }

  /** @param {any[]} parameters */
  #build(parameters) {
    this.#rows.clear();
    const groups = [...new Set(parameters.map(({ category }) => category))].map((category) => {
      const all = parameters.filter((p) => p.category === category);
      // Parameters that the running method reads come first, in declared order.
      const live = all.filter((p) => p.live).sort((a, b) => Number(b.active) - Number(a.active));
      const fixed = all.filter((p) => !p.live);
      const rows = live.map((parameter) => {
        const row = new ParameterRow(parameter, this.#requests);
        this.#rows.set(parameterId(parameter), row);
        return row.element;
      });
      return group(category, rows, fixed);
    });
    this.#box.replaceChildren(...groups);
  }
}

/** A section that folds. @param {string} category @param {Element[]} rows @param {any[]} fixed read at start only */
function group(category, rows, fixed) {
  const element = make("details", { class: "group" }, make("summary", {}, `${formatName(category)} `, make("span", {}, `${rows.length} live`)), ...rows);
  element.open = loadSetting(`group.${category}`, "open") === "open";
  element.addEventListener("toggle", () => saveSetting(`group.${category}`, element.open ? "open" : "closed"));
  if (fixed.length) {
    const list = make("dl", {}, ...fixed.map((p) => make("div", { title: p.description }, make("dt", {}, ...breakable(p.name)), make("dd", { "data-id": parameterId(p) }))));
    element.append(make("details", { class: "fixed" }, make("summary", {}, `${fixed.length} set at start`), list));
  }
  return element;
}
