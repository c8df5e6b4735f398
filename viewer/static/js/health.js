// Tables of the processes and of the latency of each stage, from the topic `health`.

import { byId, make, setText } from "./dom.js";
import { UNKNOWN, formatName, formatNumber } from "./format.js";

const GOOD_STATES = ["running", "paused", "lane_keeping", "standby", "manual"];
const BAD_STATES = ["failing", "silent", "finished", "degraded", "minimum_risk"];

/** Any other state, such as starting or waiting, is a warning. @param {string} state */
function level(state) {
  if (GOOD_STATES.includes(state)) return "";
  return BAD_STATES.includes(state) ? "bad" : "warn";
}

/** @param {any} health */
export function showHealth(health) {
  byId("system-empty").hidden = true;
  fill(byId("processes"), health.processes.map((/** @type {any} */ p) => [
    { text: p.name, title: p.pid === null ? "" : `pid ${p.pid}` },
    { text: formatName(p.state), level: level(p.state) },
    { text: p.rate_hz === null ? UNKNOWN : `${formatNumber(p.rate_hz)} Hz` },
    { text: p.age_ms === null ? UNKNOWN : `${formatNumber(p.age_ms)} ms` },
    { text: formatNumber(p.restarts), level: p.restarts ? "warn" : "" },
  ]));
  fill(byId("latency"), Object.entries(health.latency_ms).map(([stage, { p50, p99 }]) => [
    { text: formatName(stage) }, { text: `${formatNumber(p50, 1)} ms` }, { text: `${formatNumber(p99, 1)} ms` },
  ]));
}

/** Grey both tables when the message is too old. @param {boolean} isOld */
export function greyHealth(isOld) {
  byId("processes").classList.toggle("is-old", isOld);
  byId("latency").classList.toggle("is-old", isOld);
}

/** @param {any} viewer the `viewer` message */
export function showFooter({ viewers, broker }) {
  setText(byId("footer"), `broker ${broker.address}, ${viewers} ${viewers === 1 ? "viewer" : "viewers"}`);
}

/** Write rows into a table; existing cells are used again.
 * @param {HTMLTableElement} table @param {{text: string, title?: string, level?: string}[][]} rows */
function fill(table, rows) {
  const body = table.tBodies[0];
  while (body.rows.length > rows.length) body.deleteRow(-1);
  rows.forEach((cells, i) => {
    const row = body.rows[i] ?? body.appendChild(make("tr"));
    cells.forEach(({ text, title = "", level = "" }, j) => {
      const cell = row.cells[j] ?? row.insertCell();
      setText(cell, text);
      if (cell.title !== title) cell.title = title;
      if (cell.dataset.level !== level) cell.dataset.level = level;
    });
  });
}
