// The list of events, newest first.

import { byId, make, setText } from "./dom.js";
import { formatName, formatTime } from "./format.js";

const MAX_EVENTS = 200;

export class Events {
  #list = byId("event-list");
  #unseen = 0;
  #known = new Set();

  /** @param {any} event */
  add(event) {
    // After a reconnect the viewer repeats its last events.
    const id = `${event.timestamp}|${event.process}|${event.name}|${event.text}`;
    if (this.#known.has(id)) return;
    this.#known.add(id);
    byId("events-empty").hidden = true;
    const time = make("time", { datetime: new Date(event.timestamp * 1000).toISOString() }, formatTime(event.timestamp));
    this.#list.prepend(
      make(
        "li",
        { "data-level": event.level },
        time,
        make("span", { class: "what" }, event.text || formatName(event.name)),
        make("span", { class: "source" }, `${event.process} · ${formatName(event.name)}`),
      ),
    );
    while (this.#list.children.length > MAX_EVENTS) this.#list.lastElementChild?.remove();
    if (this.#known.size > 2 * MAX_EVENTS) this.#known = new Set([...this.#known].slice(-MAX_EVENTS));
    if (event.level !== "info" && !byId("events").classList.contains("selected")) this.#count(this.#unseen + 1);
  }

  markSeen() {
    this.#count(0);
  }

  /** @param {number} unseen */
  #count(unseen) {
    this.#unseen = unseen;
    byId("event-count").hidden = unseen === 0;
    setText(byId("event-count"), String(unseen));
  }
}
