// Connects the parts of the page: keeps the newest message of each topic and shows it at each screen refresh.

import { Actions } from "./actions.js";
import { Camera } from "./camera.js";
import { Connection } from "./connection.js";
import { byId, setText } from "./dom.js";
import { showDrive } from "./drive.js";
import { Events } from "./events.js";
import { UNKNOWN, formatNumber } from "./format.js";
import { greyHealth, showFooter, showHealth } from "./health.js";
import { startKeyboard } from "./keyboard.js";
import { startLayerButtons } from "./layers.js";
import { Parameters } from "./parameters.js";
import { Plots } from "./plots.js";
import { Requests } from "./requests.js";
import { STALE_MS, chooseStatus, showStatus } from "./status.js";
import { startTabs } from "./tabs.js";

const PLOT_PERIOD_MS = 100;
const DRIVE_PERIOD_MS = 50;
const HEALTH_STALE_MS = 2500; // the broker sends it twice a second
const NUMBERS_PERIOD_MS = 250; // numbers that change faster cannot be read

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`);
const requests = new Requests(connection);
const camera = new Camera(connection);
const plots = new Plots();
const parameters = new Parameters(requests);
const events = new Events();
const actions = new Actions(requests);

/** The newest message of each topic and when it came. @type {Map<string, {message: any, arrivedMs: number}>} */
const newest = new Map();
let isPaused = false;

/** The newest message of a topic, or null when it is too old to be shown as current.
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
connection.on("viewer", (message) => showFooter(message));

startLayerButtons(camera);
startTabs((tabId) => tabId === "tab-events" && events.markSeen());
startKeyboard(actions);

let driveDueMs = 0;
let numbersDueMs = 0;

/** @param {number} nowMs */
function refresh(nowMs) {
  const state = fresh("state", nowMs);
  const control = fresh("control", nowMs);
  isPaused = state?.paused ?? false;
  actions.showPaused(isPaused);
  // While paused no control is sent; the last one is still valid.
  const validControl = isPaused ? newest.get("control")?.message : control;
  camera.departure = validControl?.departure_status ?? state?.departure_status ?? null;
  camera.refresh(nowMs);
  updateStatus(nowMs);
  if (nowMs >= driveDueMs) {
    driveDueMs = nowMs + DRIVE_PERIOD_MS;
    showDrive(state, validControl);
  }
  if (nowMs >= numbersDueMs) {
    numbersDueMs = nowMs + NUMBERS_PERIOD_MS;
    showFrameNumbers(nowMs);
  }
  requestAnimationFrame(refresh);
}

/** @param {number} nowMs */
function updateStatus(nowMs) {
  showStatus(chooseStatus({
    isOpen: connection.isOpen,
    closeReason: connection.closeReason,
    broker: newest.get("viewer")?.message.broker,
    hasImage: camera.shown !== null,
    silentMs: camera.silentMs(nowMs),
    ageS: camera.shown?.ageS ?? 0,
    isPaused,
  }));
}

/** @param {number} nowMs */
function showFrameNumbers(nowMs) {
  const { shown } = camera;
  const isLive = camera.silentMs(nowMs) < STALE_MS;
  greyHealth(fresh("health", nowMs, HEALTH_STALE_MS) === null);
  setText(byId("fps"), isLive ? formatNumber(camera.rate(nowMs)) : "0");
  setText(byId("age"), isLive ? formatNumber(Math.max(0, shown.ageS * 1000)) : UNKNOWN);
  setText(byId("frame-id"), shown ? String(shown.frameId) : UNKNOWN);
  setText(byId("size"), shown ? `${shown.width}×${shown.height}` : UNKNOWN);
}

setInterval(() => {
  const nowMs = performance.now();
  if (!isPaused) plots.sample(fresh("state", nowMs), fresh("control", nowMs));
}, PLOT_PERIOD_MS);
// A hidden tab is not refreshed; the first refresh after its return shows the current state.
requestAnimationFrame(refresh);
connection.connect();
