// The driving panel: speed, steering wheel, pedals, position in the lane, departure, mode.

import { byId, setAttribute, setText } from "./dom.js";
import { UNKNOWN, formatCurve, formatLateral, formatName, formatNumber } from "./format.js";

const WHEEL_TURN_DEG = 270; // rotation of the drawn wheel at steering = 1
const ARC_RADIUS = 53;
const ARC_HALF_DEG = 120;
const LANE_WIDTH_DRAWN = 160; // SVG units
const LANE_CENTRE_DRAWN = 112;
const LEVELS = { centered: "good", drift: "warn", departure: "bad" };
const MODE_LEVELS = {
  lane_keeping: "good", single_line: "warn", hold: "warn", degraded: "bad", minimum_risk: "bad", standby: "unknown", manual: "unknown",
};

/** @param {any} state the `state` topic, null when it is not fresh @param {any} control the `control` topic, likewise */
export function showDrive(state, control) {
  showSpeed(state?.speed);
  showWheel(control?.steering ?? state?.steering);
  showPedal("throttle", control?.throttle ?? state?.throttle);
  showPedal("brake", control?.brake ?? state?.brake);
  showLane(control, state);
  showMode(control);
}

/** @param {number | null | undefined} speed m/s */
function showSpeed(speed) {
  setText(byId("speed"), formatNumber(speed === null || speed === undefined ? null : Math.abs(speed) * 3.6));
  setText(byId("speed-mps"), `${formatNumber(speed, 1)} m/s`);
}

/** @param {number | null | undefined} steering [-1, 1], right positive */
function showWheel(steering) {
  const steer = Number.isFinite(steering) ? Math.max(-1, Math.min(1, /** @type {number} */ (steering))) : 0;
  setAttribute(byId("wheel"), "transform", `rotate(${(steer * WHEEL_TURN_DEG).toFixed(1)})`);
  setAttribute(byId("wheel-arc"), "d", arc(steer * ARC_HALF_DEG));
  setText(byId("steering"), Number.isFinite(steering) ? formatLateral(steer * 100, "%", 1) : "steering unknown");
}

/** @param {string} id @param {number | null | undefined} ratio [0, 1] */
function showPedal(id, ratio) {
  setAttribute(byId(id), "transform", `scale(1 ${(ratio ?? 0).toFixed(2)})`);
}

/** SVG path of an arc that begins at the top. @param {number} degrees clockwise positive */
function arc(degrees) {
  if (Math.abs(degrees) < 0.3) return "";
  const angle = (degrees * Math.PI) / 180;
  const [x, y] = [ARC_RADIUS * Math.sin(angle), -ARC_RADIUS * Math.cos(angle)];
  return `M0 ${-ARC_RADIUS}A${ARC_RADIUS} ${ARC_RADIUS} 0 0 ${degrees > 0 ? 1 : 0} ${x.toFixed(2)} ${y.toFixed(2)}`;
}

/** @param {any} control @param {any} state */
function showLane(control, state) {
  const ratio = control?.lateral_offset ?? state?.lateral_offset;
  const departure = control?.departure_status ?? state?.departure_status;
  byId("drive").classList.toggle("no-lane", !Number.isFinite(ratio));
  const position = Number.isFinite(ratio) ? Math.max(-0.8, Math.min(0.8, ratio)) : 0;
  setAttribute(byId("car"), "transform", `translate(${(LANE_CENTRE_DRAWN + position * LANE_WIDTH_DRAWN).toFixed(1)})`);
  const offset = control?.lateral_offset_meters;
  const percent = Number.isFinite(ratio) ? ratio * 100 : null;
  setText(byId("offset"), Number.isFinite(offset) ? formatLateral(offset, "m", 2) : formatLateral(percent, "% of lane", 0));
  setText(byId("heading"), formatLateral(control?.heading_angle ?? state?.heading_angle, "°", 1));
  setText(byId("curve"), formatCurve(control?.curvature));
  setText(byId("crossing"), control ? crossing(control) : UNKNOWN);
  const badge = byId("departure");
  setText(badge, departure ?? "no lane");
  setAttribute(badge, "data-level", LEVELS[/** @type {keyof typeof LEVELS} */ (departure)] ?? "unknown");
}

/** The side and time of the next line crossing. @param {any} control */
function crossing(control) {
  const sides = [[control.ttlc_left_s, "left"], [control.ttlc_right_s, "right"]].filter(([seconds]) => Number.isFinite(seconds));
  if (!sides.length) return "none ahead";
  const [seconds, side] = sides.sort((a, b) => a[0] - b[0])[0];
  return `${side} in ${seconds.toFixed(1)} s`;
}

/** @param {any} control */
function showMode(control) {
  const badge = byId("mode");
  badge.hidden = !control;
  setText(byId("mode-reason"), control?.state_reason ?? "");
  if (!control) return;
  setText(badge, formatName(control.mode));
  setAttribute(badge, "title", control.state_reason ?? "");
  setAttribute(badge, "data-level", MODE_LEVELS[/** @type {keyof typeof MODE_LEVELS} */ (control.mode)] ?? "unknown");
}
