// Numbers and names as text. `null` means unknown: it is shown as a dash, never as zero.

export const UNKNOWN = "–";

/** A number with so many digits after the point. @param {number | null | undefined} value @param {number} digits */
export function formatNumber(value, digits = 0) {
  return Number.isFinite(value) ? value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1") : UNKNOWN;
}

/** The size of a value that is positive to the right, and its side in words.
 * @param {number | null | undefined} value @param {string} unit @param {number} digits */
export function formatLateral(value, unit, digits) {
  if (!Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value).toFixed(digits);
  const side = Number(size) === 0 ? "" : value > 0 ? " right" : " left";
  return `${size}${unit === "°" ? "" : " "}${unit}${side}`;
}

/** Radius and side of a curve. @param {number | null | undefined} curvature 1/m, left positive */
export function formatCurve(curvature) {
  if (!Number.isFinite(curvature)) return UNKNOWN;
  const radius = 1 / Math.abs(curvature);
  if (radius > 2000) return "straight";
  return `${radius < 100 ? radius.toFixed(0) : Math.round(radius / 10) * 10} m ${curvature > 0 ? "left" : "right"}`;
}

/** @param {number} seconds */
export function formatDuration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** lane_keeping -> lane keeping. @param {string} name */
export function formatName(name) {
  return name.replaceAll("_", " ");
}

/** Local time of day. @param {number} epochS */
export function formatTime(epochS) {
  return new Date(epochS * 1000).toLocaleTimeString([], { hour12: false });
}
