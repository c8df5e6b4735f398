// One row of the panel Tune: changes a parameter and shows the result.

import { breakable, make, setText } from "./dom.js";
import { makeEntry, makeSlider } from "./parameter_inputs.js";

const APPLIED_SHOWN_MS = 1500;

/** @param {any} parameter */
export function parameterId({ category, name }) {
  return `${category}.${name}`;
}

/** Typed entry, slider, reset button, and a note with the result of the last change. */
export class ParameterRow {
  #parameter;
  #requests;
  #isSending = false;
  #next = /** @type {{value: any} | null} */ (null); // the newest change while another is pending
  #appliedTimer = /** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined);
  #entry;
  #slider = /** @type {HTMLInputElement | null} */ (null);
  #note = make("p", { class: "note", "aria-live": "polite" });
  #reset = make("button", { type: "button", class: "reset" }, "↺");

  /** @param {any} parameter @param {import("./requests.js").Requests} requests */
  constructor(parameter, requests) {
    this.#parameter = parameter;
    this.#requests = requests;
    const inputId = `parameter-${parameterId(parameter)}`;
    this.#entry = makeEntry(parameter, inputId);
    this.#note.id = `${inputId}-note`;
    this.#entry.setAttribute("aria-describedby", this.#note.id);
    const label = make("label", { for: inputId, title: parameter.description }, ...breakable(parameter.name));
    const unit = parameter.unit ? [make("small", {}, parameter.unit)] : [];
    this.#reset.title = `reset to ${parameter.default}`;
    this.#reset.setAttribute("aria-label", `reset ${parameter.name} to ${parameter.default}`);
    this.element = make(
      "div",
      { class: "param", "data-parameter": parameterId(parameter), "data-state": "idle" },
      label,
      this.#reset,
      make("span", { class: "value" }, this.#entry, ...unit),
    );
    this.#slider = makeSlider(parameter);
    if (this.#slider) this.element.append(this.#slider);
    this.element.append(this.#note);
    this.#entry.addEventListener("change", () => this.#set(this.#entered()));
    this.#slider?.addEventListener("input", () => {
      this.#entry.value = this.#slider?.value;
      this.#set(Number(this.#slider?.value));
    });
    this.#reset.addEventListener("click", () => this.#set(parameter.default));
  }

  /** @param {any} parameter with its current value */
  update(parameter) {
    this.#parameter = parameter;
    this.#reset.disabled = parameter.value === parameter.default;
    this.element.classList.toggle("inactive", !parameter.active);
    if (!this.#isSending && document.activeElement !== this.#entry) this.#showValue(parameter.value);
    if (this.element.dataset.state === "idle") this.#showNote("idle", this.#idleNote());
  }

  #idleNote() {
    const { description, active, used_by: usedBy } = this.#parameter;
    if (active) return description;
    return usedBy.length ? `inactive: only ${usedBy.join(", ")} reads it` : "inactive: the running method does not read it";
  }

  /** @param {any} value */
  #showValue(value) {
    if (this.#entry.type === "checkbox") this.#entry.checked = value;
    else this.#entry.value = value ?? "";
    if (this.#slider) this.#slider.value = value;
  }

  /** The value in the entry; null when a number is missing. */
  #entered() {
    if (this.#entry.type === "checkbox") return this.#entry.checked;
    if (this.#entry.type === "number") return this.#entry.value === "" ? null : Number(this.#entry.value);
    return this.#entry.value;
  }

  /** Send a change. One is pending at a time; a drag sends the newest value after the answer. @param {any} value */
  async #set(value) {
    this.#next = { value };
    if (this.#isSending) return;
    this.#isSending = true;
    let ack = null;
    while (this.#next) {
      const change = this.#next;
      this.#next = null;
      this.#showNote("pending", "sent …");
      const { category, name } = this.#parameter;
      ack = await this.#requests.send({ type: "parameter", category, name, value: change.value }, () => this.#showNote("pending", "accepted …"));
    }
    this.#isSending = false;
    if (ack) this.#finish(ack);
  }

  /** @param {import("./requests.js").Ack} ack */
  #finish(ack) {
    clearTimeout(this.#appliedTimer);
    if (!ack.ok) {
      this.#showNote("refused", ack.error ?? "refused");
      this.#showValue(this.#parameter.value);
      return;
    }
    this.#parameter = { ...this.#parameter, value: ack.applied };
    this.#reset.disabled = ack.applied === this.#parameter.default;
    this.#showValue(ack.applied);
    this.#showNote("applied", ack.active === false ? `stored: ${ack.applied}; the running method does not read it` : `applied: ${ack.applied}`);
    this.#appliedTimer = setTimeout(() => this.#showNote("idle", this.#idleNote()), APPLIED_SHOWN_MS);
  }

  /** @param {string} state @param {string} text */
  #showNote(state, text) {
    this.element.dataset.state = state;
    setText(this.#note, text);
  }
}
