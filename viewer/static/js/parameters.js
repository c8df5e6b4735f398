// Sliders, built from the broker's parameter table: nothing about a parameter is written down here.

import { breakable, byId, make, recall, remember, setText } from "./dom.js";
import { spoken } from "./words.js";

const APPLIED_SHOWN_MS = 1500;

export class Parameters {
  #requests;
  #box = byId("parameters");
  #rows = /** @type {Map<string, Row>} */ (new Map());
  #shape = "";

  /** @param {import("./requests.js").Requests} requests */
  constructor(requests) {
    this.#requests = requests;
  }

  /** @param {any} message the `parameters` topic */
  update({ parameters }) {
    // Everything but the values: when that changes, the rows are built anew.
    const shape = JSON.stringify(parameters.map(({ value, active, ...declared }) => declared));
    if (shape !== this.#shape) this.#build(parameters);
    this.#shape = shape;
    for (const parameter of parameters) this.#rows.get(id(parameter))?.update(parameter);
    for (const item of this.#box.querySelectorAll(".fixed dd")) {
      const parameter = parameters.find((/** @type {any} */ p) => id(p) === item.dataset.id);
      setText(item, String(parameter?.value ?? "none"));
    }
  }

  /** @param {any[]} parameters */
  #build(parameters) {
    this.#rows.clear();
    const groups = [...new Set(parameters.map(({ category }) => category))].map((category) => {
      const all = parameters.filter((p) => p.category === category);
      // What the running method reads comes first; the sort keeps the declared order otherwise.
      const live = all.filter((p) => p.live).sort((a, b) => Number(b.active) - Number(a.active));
      const fixed = all.filter((p) => !p.live);
      const rows = live.map((parameter) => {
        const row = new Row(parameter, this.#requests);
        this.#rows.set(id(parameter), row);
        return row.element;
      });
      return group(category, rows, fixed);
    });
    this.#box.replaceChildren(...groups);
  }
}

/** @param {any} parameter */
function id({ category, name }) {
  return `${category}.${name}`;
}

/** @param {string} category @param {Element[]} rows @param {any[]} fixed */
function group(category, rows, fixed) {
  const element = make("details", { class: "group" }, make("summary", {}, `${spoken(category)} `, make("span", {}, `${rows.length} live`)), ...rows);
  element.open = recall(`group.${category}`, "open") === "open";
  element.addEventListener("toggle", () => remember(`group.${category}`, element.open ? "open" : "closed"));
  if (fixed.length) {
    const list = make("dl", {}, ...fixed.map((p) => make("div", { title: p.description }, make("dt", {}, ...breakable(p.name)), make("dd", { "data-id": id(p) }))));
    element.append(make("details", { class: "fixed" }, make("summary", {}, `${fixed.length} set at start`), list));
  }
  return element;
}

/** One parameter: typed entry, slider, reset, and what became of the last change. */
class Row {
  #parameter;
  #requests;
  #isSending = false;
  #next = /** @type {{value: any} | null} */ (null); // the newest change while one is under way
  #applied = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #entry;
  #slider = /** @type {HTMLInputElement | null} */ (null);
  #note = make("p", { class: "note", "aria-live": "polite" });
  #reset = make("button", { type: "button", class: "reset" }, "↺");

  /** @param {any} parameter @param {import("./requests.js").Requests} requests */
  constructor(parameter, requests) {
    this.#parameter = parameter;
    this.#requests = requests;
    const inputId = `parameter-${id(parameter)}`;
    this.#entry = entry(parameter, inputId);
    this.#note.id = `${inputId}-note`;
    this.#entry.setAttribute("aria-describedby", this.#note.id);
    const label = make("label", { for: inputId, title: parameter.description }, ...breakable(parameter.name));
    const unit = parameter.unit ? [make("small", {}, parameter.unit)] : [];
    this.#reset.title = `reset to ${parameter.default}`;
    this.#reset.setAttribute("aria-label", `reset ${parameter.name} to ${parameter.default}`);
    this.element = make("div", { class: "param", "data-parameter": id(parameter), "data-state": "idle" }, label, this.#reset, make("span", { class: "value" }, this.#entry, ...unit));
    if (isRange(parameter)) this.element.append((this.#slider = slider(parameter)));
    this.element.append(this.#note);
    this.#entry.addEventListener("change", () => this.#set(this.#typed()));
    this.#slider?.addEventListener("input", () => {
      this.#entry.value = this.#slider?.value;
      this.#set(Number(this.#slider?.value));
    });
    this.#reset.addEventListener("click", () => this.#set(parameter.default));
  }

  /** @param {any} parameter with its value in force */
  update(parameter) {
    this.#parameter = parameter;
    this.#reset.disabled = parameter.value === parameter.default;
    this.element.classList.toggle("inactive", !parameter.active);
    if (!this.#isSending && document.activeElement !== this.#entry) this.#show(parameter.value);
    if (this.element.dataset.state === "idle") this.#say("idle", this.#hint());
  }

  #hint() {
    const { description, active, used_by: usedBy } = this.#parameter;
    if (active) return description;
    return usedBy.length ? `inactive: only ${usedBy.join(", ")} reads it` : "inactive: the running method does not read it";
  }

  /** @param {any} value */
  #show(value) {
    if (this.#entry.type === "checkbox") this.#entry.checked = value;
    else this.#entry.value = value ?? "";
    if (this.#slider) this.#slider.value = value;
  }

  #typed() {
    if (this.#entry.type === "checkbox") return this.#entry.checked;
    if (this.#entry.type === "number") return this.#entry.value === "" ? null : Number(this.#entry.value);
    return this.#entry.value;
  }

  /** One change is under way at a time; a drag sends the newest when the last one is answered. @param {any} value */
  async #set(value) {
    this.#next = { value };
    if (this.#isSending) return;
    this.#isSending = true;
    let ack = null;
    while (this.#next) {
      const change = this.#next;
      this.#next = null;
      this.#say("pending", "sent …");
      const { category, name } = this.#parameter;
      ack = await this.#requests.send({ type: "parameter", category, name, value: change.value }, () => this.#say("pending", "accepted …"));
    }
    this.#isSending = false;
    if (ack) this.#finish(ack);
  }

  /** @param {import("./requests.js").Ack} ack */
  #finish(ack) {
    clearTimeout(this.#applied);
    if (!ack.ok) {
      this.#say("refused", ack.error ?? "refused");
      this.#show(this.#parameter.value);
      return;
    }
    this.#parameter = { ...this.#parameter, value: ack.applied };
    this.#reset.disabled = ack.applied === this.#parameter.default;
    this.#show(ack.applied);
    this.#say("applied", ack.active === false ? `stored: ${ack.applied}; the running method does not read it` : `applied: ${ack.applied}`);
    this.#applied = setTimeout(() => this.#say("idle", this.#hint()), APPLIED_SHOWN_MS);
  }

  /** @param {string} state @param {string} text */
  #say(state, text) {
    this.element.dataset.state = state;
    setText(this.#note, text);
  }
}

/** @param {any} parameter */
function isRange({ type, minimum, maximum }) {
  return (type === "float" || type === "int") && minimum !== null && maximum !== null;
}

/** A step of about a two-hundredth of the range, as 1, 2 or 5 times a power of ten. @param {any} parameter */
function step({ type, minimum, maximum }) {
  if (type === "int") return 1;
  const rough = (maximum - minimum) / 200;
  const power = 10 ** Math.floor(Math.log10(rough));
  return Number((([1, 2, 5].find((m) => m * power >= rough) ?? 10) * power).toPrecision(3));
}

/** @param {any} parameter @returns {HTMLInputElement} */
function slider(parameter) {
  // The handle may stand anywhere: a default that is no multiple of the step is shown where it is.
  const { minimum, maximum, name } = parameter;
  return make("input", { type: "range", min: String(minimum), max: String(maximum), step: String(step(parameter)), "aria-label": `${name} slider` });
}

/** @param {any} parameter @param {string} inputId @returns {any} */
function entry(parameter, inputId) {
  const { type, choices, minimum, maximum } = parameter;
  const attributes = { id: inputId, class: "entry" };
  if (type === "choice") return make("select", attributes, ...choices.map((/** @type {string} */ c) => make("option", { value: c }, c)));
  if (type === "bool") return make("input", { ...attributes, type: "checkbox" });
  if (type === "str") return make("input", { ...attributes, type: "text", maxlength: "256" });
  const allowed = minimum !== null && maximum !== null ? `${minimum} to ${maximum}` : "";
  return make("input", { ...attributes, type: "number", step: "any", title: allowed });
}
