// The lane over the picture. Lines come bottom to top in pixels of the picture.

/** @typedef {[number, number][]} Line */
/** @typedef {{fill: boolean, lines: boolean, centre: boolean, segments: boolean}} Layers */

const TONES = { centered: "76, 201, 192", drift: "244, 189, 85", departure: "255, 110, 100" };
const CENTRE_SAMPLES = 24;

/** Draw one detection.
 * @param {CanvasRenderingContext2D} context in pixels of the picture
 * @param {any} detection
 * @param {Layers} layers
 * @param {{isExact: boolean, departure: string | null}} how not exact: it belongs to an earlier picture */
export function drawOverlay(context, detection, layers, { isExact, departure }) {
  const tone = TONES[/** @type {keyof typeof TONES} */ (departure)] ?? TONES.centered;
  const left = line(detection.left_line_px);
  const right = line(detection.right_line_px);
  const trust = (/** @type {any} */ lane) => (0.3 + 0.7 * (lane?.confidence ?? 0)) * (isExact ? 1 : 0.55);
  context.save();
  context.lineCap = "round";
  context.lineJoin = "round";
  context.setLineDash(isExact ? [] : [14, 12]);
  if (layers.fill && left && right) {
    const strength = 0.34 * Math.min(trust(detection.left_lane), trust(detection.right_lane));
    fillBetween(context, left, right, tone, strength);
  }
  if (layers.centre && left && right) {
    context.save();
    context.setLineDash([3, 11]);
    stroke(context, between(left, right), `rgba(255, 255, 255, ${isExact ? 0.75 : 0.4})`, 3);
    context.restore();
  }
  if (layers.lines) {
    for (const [points, lane] of [[left, detection.left_lane], [right, detection.right_lane]]) {
      if (!points) continue;
      stroke(context, points, `rgba(0, 0, 0, ${0.35 * trust(lane)})`, 8);
      stroke(context, points, `rgba(${tone}, ${trust(lane)})`, 5);
    }
  }
  if (layers.segments) {
    for (const lane of [detection.left_lane, detection.right_lane]) {
      if (lane) stroke(context, [[lane.x1, lane.y1], [lane.x2, lane.y2]], "rgba(255, 92, 214, 0.9)", 2);
    }
  }
  context.restore();
}

/** @param {Line | null | undefined} points @returns {Line | null} */
function line(points) {
  return points && points.length >= 2 ? points : null;
}

/** @param {CanvasRenderingContext2D} context @param {Line} points @param {string} style @param {number} width */
function stroke(context, points, style, width) {
  context.beginPath();
  points.forEach(([u, v], i) => (i ? context.lineTo(u, v) : context.moveTo(u, v)));
  context.strokeStyle = style;
  context.lineWidth = width;
  context.stroke();
}

/** The lane, fading into the distance.
 * @param {CanvasRenderingContext2D} context @param {Line} left @param {Line} right @param {string} tone @param {number} strength */
function fillBetween(context, left, right, tone, strength) {
  const rows = [...left, ...right].map(([, v]) => v);
  const fade = context.createLinearGradient(0, Math.min(...rows), 0, Math.max(...rows));
  fade.addColorStop(0, `rgba(${tone}, ${strength * 0.25})`);
  fade.addColorStop(0.45, `rgba(${tone}, ${strength})`);
  fade.addColorStop(1, `rgba(${tone}, ${strength})`);
  context.beginPath();
  left.forEach(([u, v], i) => (i ? context.lineTo(u, v) : context.moveTo(u, v)));
  [...right].reverse().forEach(([u, v]) => context.lineTo(u, v));
  context.closePath();
  context.fillStyle = fade;
  context.fill();
}

/** The middle of two lines, over the rows that both reach. @param {Line} left @param {Line} right @returns {Line} */
function between(left, right) {
  const bottom = Math.min(left[0][1], right[0][1]);
  const top = Math.max(left[left.length - 1][1], right[right.length - 1][1]);
  return Array.from({ length: CENTRE_SAMPLES }, (_, i) => {
    const v = bottom + ((top - bottom) * i) / (CENTRE_SAMPLES - 1);
    return [(columnAt(left, v) + columnAt(right, v)) / 2, v];
  });
}

/** @param {Line} points bottom to top @param {number} v */
function columnAt(points, v) {
  const next = points.findIndex(([, row]) => row <= v);
  if (next < 0) return points[points.length - 1][0];
  if (next === 0) return points[0][0];
  const [[u0, v0], [u1, v1]] = [points[next - 1], points[next]];
  return v0 === v1 ? u1 : u0 + ((u1 - u0) * (v - v0)) / (v1 - v0);
}
