// The live picture. A frame waits briefly for its own detection, so that lines and picture belong together.

import { byId } from "./dom.js";
import { drawOverlay } from "./overlay.js";

const RING = 4; // decoded frames kept
const DETECTIONS = 16;
const PATIENCE_MS = 60; // how long a frame waits for its detection
const DETECTOR_QUIET_MS = 400; // after which frames no longer wait
const LATE_FRAMES = 6; // a detection of so many frames ago is still drawn, dashed

const key = (/** @type {{session: number}} */ { session }, /** @type {number} */ frameId) => `${session}:${frameId}`;

export class Picture {
  #connection;
  #box = byId("picture");
  #video = /** @type {HTMLCanvasElement} */ (byId("video"));
  #overlay = /** @type {HTMLCanvasElement} */ (byId("overlay"));
  #videoContext = /** @type {CanvasRenderingContext2D} */ (this.#video.getContext("2d", { alpha: false }));
  #overlayContext = /** @type {CanvasRenderingContext2D} */ (this.#overlay.getContext("2d"));
  #waiting = /** @type {any[]} */ ([]);
  #detections = /** @type {Map<string, any>} */ (new Map());
  #newestDetection = /** @type {any} */ (null);
  #detectedMs = -Infinity;
  #decoded = 0; // since the last turn
  #drawnMs = /** @type {number[]} */ ([]);
  #needsOverlay = false;
  #arrivals = 0;
  /** The frame on the canvas. @type {any} */
  shown = null;
  /** @type {import("./overlay.js").Layers} */
  layers = { fill: true, lines: true, centre: true, segments: false };
  departure = /** @type {string | null} */ (null);

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.on("frame", (frame) => this.#decode(frame));
    connection.on("detection", (detection) => this.#keep(detection));
    connection.on("open", () => (this.#decoded = 0));
  }

  /** Draw what is due; called once per screen refresh. @param {number} nowMs */
  turn(nowMs) {
    // Credit goes back from here, which a hidden tab never reaches: it is sent no frames.
    if (this.#decoded > 0) this.#connection.grant(Math.min(this.#decoded, RING));
    this.#decoded = 0;
    const next = this.#choose(nowMs);
    if (next) this.#show(next, nowMs);
    if (next || this.#needsOverlay) this.#drawOverlay();
  }

  redrawOverlay() {
    this.#needsOverlay = true;
  }

  /** Frames drawn in the last two seconds, per second. @param {number} nowMs */
  rate(nowMs) {
    this.#drawnMs = this.#drawnMs.filter((ms) => nowMs - ms < 2000);
    return this.#drawnMs.length / 2;
  }

  /** Milliseconds since a new frame was drawn. @param {number} nowMs */
  silence(nowMs) {
    return this.shown ? nowMs - this.shown.shownMs : Infinity;
  }

  /** @param {import("./connection.js").Frame} frame */
  async #decode(frame) {
    const order = ++this.#arrivals;
    let bitmap;
    try {
      bitmap = await createImageBitmap(new Blob([frame.jpeg], { type: "image/jpeg" }));
    } catch {
      this.#decoded += 1; // a broken picture is skipped; the next one is on its way
      return;
    }
    this.#decoded += 1;
    const { jpeg, ...head } = frame;
    this.#waiting.push({ ...head, bitmap, order, arrivedMs: performance.now() });
    this.#waiting.sort((a, b) => a.order - b.order); // decoding may overtake
    while (this.#waiting.length > RING) this.#waiting.shift().bitmap.close();
  }

  /** @param {any} detection */
  #keep(detection) {
    this.#newestDetection = detection;
    this.#detectedMs = performance.now();
    const id = key(detection, detection.frame_id);
    this.#detections.set(id, detection);
    if (this.#detections.size > DETECTIONS) this.#detections.delete(this.#detections.keys().next().value);
    if (this.shown && id === key(this.shown, this.shown.frameId)) this.#needsOverlay = true;
  }

  /** The newest frame that has its detection or has waited long enough. @param {number} nowMs */
  #choose(nowMs) {
    const patience = nowMs - this.#detectedMs < DETECTOR_QUIET_MS ? PATIENCE_MS : 0;
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const frame = this.#waiting[i];
      if (this.#detections.has(key(frame, frame.frameId)) || nowMs - frame.arrivedMs >= patience) {
        for (const older of this.#waiting.splice(0, i)) older.bitmap.close();
        return this.#waiting.shift();
      }
    }
    return null;
  }

  /** @param {any} frame @param {number} nowMs */
  #show(frame, nowMs) {
    const isRepeated = this.shown && key(this.shown, this.shown.frameId) === key(frame, frame.frameId);
    const { bitmap } = frame;
    if (this.#video.width !== bitmap.width || this.#video.height !== bitmap.height) {
      this.#video.width = bitmap.width;
      this.#video.height = bitmap.height;
      const root = document.documentElement.style;
      root.setProperty("--ratio", `${bitmap.width} / ${bitmap.height}`);
      root.setProperty("--ratio-number", String(bitmap.width / bitmap.height));
    }
    this.#videoContext.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (isRepeated) return; // the same picture again is no sign of life
    this.shown = { ...frame, bitmap: null, shownMs: nowMs, ageS: this.#connection.now() - frame.timestamp };
    this.#drawnMs.push(nowMs);
  }

  #drawOverlay() {
    this.#needsOverlay = false;
    const { width, height } = this.#video;
    // Twice the picture's pixels where it is shown enlarged: lines stay crisp.
    const scale = this.#box.clientWidth * devicePixelRatio > width * 1.1 ? 2 : 1;
    if (this.#overlay.width !== width * scale || this.#overlay.height !== height * scale) {
      this.#overlay.width = width * scale;
      this.#overlay.height = height * scale;
    }
    const context = this.#overlayContext;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!this.shown) return;
    const exact = this.#detections.get(key(this.shown, this.shown.frameId));
    const detection = exact ?? this.#recent();
    this.#overlay.dataset.join = exact ? "exact" : detection ? "late" : "none";
    if (detection) drawOverlay(context, detection, this.layers, { isExact: Boolean(exact), departure: this.departure });
  }

  /** The newest detection, if it is of this session and only a few frames old. */
  #recent() {
    const detection = this.#newestDetection;
    if (!detection || detection.session !== this.shown.session) return null;
    const lag = this.shown.frameId - detection.frame_id;
    return lag > 0 && lag <= LATE_FRAMES ? detection : null;
  }
}
