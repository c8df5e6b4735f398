// Draws the detected lane over the camera image. Lines are lists of image pixels, bottom to top.

/** @typedef {[number, number][]} Line */
/** @typedef {{fill: boolean, lines: boolean, centre: boolean, segments: boolean}} Layers */

const COLOURS = { centered: "76, 201, 192", drift: "244, 189, 85", departure: "255, 110, 100" };
const CENTRE_SAMPLES = 24;

/** Draw one detection.
 * @param {CanvasRenderingContext2D} context in image pixels
 * @param {any} detection
 * @param {Layers} layers
 * @param {{isExact: boolean, departure: string | null}} options not exact: the detection belongs to an earlier image */
export function drawOverlay(context, detection, layers, { isExact, departure }) {
  const colour = COLOURS[/** @type {keyof typeof COLOURS} */ (departure)] ?? COLOURS.centered;
  const left = line(detection.left_line_px);
  const right = line(detection.right_line_px);
  const opacityOf = (/** @type {any} */ lane) => (0.3 + 0.7 * (lane?.confidence ?? 0)) * (isExact ? 1 : 0.55);
  context.save();
  context.lineCap = "round";
  context.lineJoin = "round";
  context.setLineDash(isExact ? [] : [14, 12]);
  if (layers.fill && left && right) {
    const opacity = 0.34 * Math.min(opacityOf(detection.left_lane), opacityOf(detection.right_lane));
    fillBetween(context, left, right, colour, opacity);
  }
  if (layers.centre && left && right) {
    context.save();
    context.setLineDash([3, 11]);
    stroke(context, centreLine(left, right), `rgba(255, 255, 255, ${isExact ? 0.75 : 0.4})`, 3);
    context.restore();
  }
  if (layers.lines) {
    for (const [points, lane] of [[left, detection.left_lane], [right, detection.right_lane]]) {
      if (!points) continue;
      stroke(context, points, `rgba(0, 0, 0, ${0.35 * opacityOf(lane)})`, 8);
      stroke(context, points, `rgba(${colour}, ${opacityOf(lane)})`, 5);
    }
  }
  if (layers.segments) {
    for (const lane of [detection.left_lane, detection.right_lane]) {
      if (lane) stroke(context, [[lane.x1, lane.y1], [lane.x2, lane.y2]], "rgba(255, 92, 214, 0.9)", 2);
    }
  }
  context.restore();
}

/** A line of two points or more, or null. @param {Line | null | undefined} points @returns {Line | null} */
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

/** Fill the lane; the colour fades with distance.
 * @param {CanvasRenderingContext2D} context @param {Line} left @param {Line} right @param {string} colour R, G, B @param {number} opacity */
function fillBetween(context, left, right, colour, opacity) {
  const rows = [...left, ...right].map(([, v]) => v);
  const fade = context.createLinearGradient(0, Math.min(...rows), 0, Math.max(...rows));
  fade.addColorStop(0, `rgba(${colour}, ${opacity * 0.25})`);
  fade.addColorStop(0.45, `rgba(${colour}, ${opacity})`);
  fade.addColorStop(1, `rgba(${colour}, ${opacity})`);
  context.beginPath();
  left.forEach(([u, v], i) => (i ? context.lineTo(u, v) : context.moveTo(u, v)));
  [...right].reverse().forEach(([u, v]) => context.lineTo(u, v));
  context.closePath();
  context.fillStyle = fade;
  context.fill();
}

/** The centre line, over the rows that both lines reach. @param {Line} left @param {Line} right @returns {Line} */
function centreLine(left, right) {
  const bottom = Math.min(left[0][1], right[0][1]);
  const top = Math.max(left[left.length - 1][1], right[right.length - 1][1]);
  return Array.from({ length: CENTRE_SAMPLES }, (_, i) => {
    const v = bottom + ((top - bottom) * i) / (CENTRE_SAMPLES - 1);
    return [(columnAt(left, v) + columnAt(right, v)) / 2, v];
  });
}

/** Column of a line at row v, interpolated. @param {Line} points bottom to top @param {number} v */
function columnAt(points, v) {
  const next = points.findIndex(([, row]) => row <= v);
  if (next < 0) return points[points.length - 1][0];
  if (next === 0) return points[0][0];
  const [[u0, v0], [u1, v1]] = [points[next - 1], points[next]];
  return v0 === v1 ? u1 : u0 + ((u1 - u0) * (v - v0)) / (v1 - v0);
}
