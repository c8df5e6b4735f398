// Puts the page together: what arrives is kept, and shown at the pace of the screen.

import { Connection } from "./connection.js";
import { Actions, wireHold, wireLayers, wireTabs } from "./controls.js";
import { byId, setText } from "./dom.js";
import { showDrive } from "./drive.js";
import { Events } from "./events.js";
import { STALE_MS, judge, showVerdict } from "./freshness.js";
import { startKeyboard } from "./keyboard.js";
import { Parameters } from "./parameters.js";
import { Picture } from "./picture.js";
import { Plots } from "./plots.js";
import { Requests } from "./requests.js";
import { UNKNOWN, figure } from "./words.js";
import { ageHealth, showFoot, showHealth } from "./system.js";

const PLOT_PERIOD_MS = 100;
const DRIVE_PERIOD_MS = 50;
const HEALTH_STALE_MS = 2500; // it comes twice a second
const FIGURES_PERIOD_MS = 250; // figures that change faster can not be read

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const requests = new Requests(connection);
const picture = new Picture(connection);
const plots = new Plots();
const parameters = new Parameters(requests);
const events = new Events();
const actions = new Actions(requests);

/** The newest message of each topic and when it came. @type {Map<string, {message: any, arrivedMs: number}>} */
const newest = new Map();
let isPaused = false;

/** The newest message of a topic, or null when it is too old to be shown as now.
 * @param {string} topic @param {number} nowMs @param {number} [limitMs] */
function fresh(topic, nowMs, limitMs = STALE_MS) {
  const entry = newest.get(topic);
  return entry && nowMs - entry.arrivedMs < limitMs ? entry.message : null;
}

for (const topic of ["state", "control", "health", "viewer"]) {
  connection.on(topic, (message) => newest.set(topic, { message, arrivedMs: performance.now() }));
}
connection.on("close", () => newest.clear());
connection.on("parameters", (message) => parameters.update(message));
connection.on("health", (message) => showHealth(message));
connection.on("event", (event) => events.add(event));
connection.on("viewer", (message) => showFoot(message));

wireLayers(picture);
wireHold(plots);
wireTabs(events);
startKeyboard(actions);

let driveDueMs = 0;
let figuresDueMs = 0;

/** @param {number} nowMs */
function turn(nowMs) {
  const state = fresh("state", nowMs);
  const control = fresh("control", nowMs);
  isPaused = state?.paused ?? false;
  actions.showPaused(isPaused);
  // While paused no control is sent; the last one still stands.
  const standing = isPaused ? newest.get("control")?.message : control;
  picture.departure = standing?.departure_status ?? state?.departure_status ?? null;
  picture.turn(nowMs);
  showFreshness(nowMs);
  if (nowMs >= driveDueMs) {
    driveDueMs = nowMs + DRIVE_PERIOD_MS;
    showDrive(state, standing);
  }
  if (nowMs >= figuresDueMs) {
    figuresDueMs = nowMs + FIGURES_PERIOD_MS;
    showFigures(nowMs);
  }
  requestAnimationFrame(turn);
}

/** @param {number} nowMs */
function showFreshness(nowMs) {
  showVerdict(judge({
    isOpen: connection.isOpen,
    closeReason: connection.closeReason,
    broker: newest.get("viewer")?.message.broker,
    hasPicture: picture.shown !== null,
    silentMs: picture.silence(nowMs),
    ageS: picture.shown?.ageS ?? 0,
    isPaused,
  }));
}

/** @param {number} nowMs */
function showFigures(nowMs) {
  const { shown } = picture;
  const isLive = picture.silence(nowMs) < STALE_MS;
  ageHealth(fresh("health", nowMs, HEALTH_STALE_MS) === null);
  setText(byId("fps"), isLive ? figure(picture.rate(nowMs)) : "0");
  setText(byId("age"), isLive ? figure(Math.max(0, shown.ageS * 1000)) : UNKNOWN);
  setText(byId("frame-id"), shown ? String(shown.frameId) : UNKNOWN);
  setText(byId("size"), shown ? `${shown.width}×${shown.height}` : UNKNOWN);
}

setInterval(() => {
  const nowMs = performance.now();
  if (!isPaused) plots.sample(fresh("state", nowMs), fresh("control", nowMs));
}, PLOT_PERIOD_MS);
// A hidden tab gets no screen refresh; what it says on return is right at the first one.
requestAnimationFrame(turn);
connection.connect();
