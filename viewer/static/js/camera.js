// The live camera image. A frame waits briefly for its own detection, so that image and lines belong together.

import { byId } from "./dom.js";
import { drawOverlay } from "./overlay.js";

const MAX_FRAMES = 4; // decoded and not yet shown
const MAX_DETECTIONS = 16;
const JOIN_TIMEOUT_MS = 60; // a frame waits so long for its detection
const DETECTOR_SILENT_MS = 400; // frames no longer wait when no detection came for so long
const MAX_LATE_FRAMES = 6; // a detection up to so many frames old is drawn dashed

const key = (/** @type {{session: number}} */ { session }, /** @type {number} */ frameId) => `${session}:${frameId}`;

export class Camera {
  #connection;
  #box = byId("camera");
  #video = /** @type {HTMLCanvasElement} */ (byId("video"));
  #overlay = /** @type {HTMLCanvasElement} */ (byId("overlay"));
  #videoContext = /** @type {CanvasRenderingContext2D} */ (this.#video.getContext("2d", { alpha: false }));
  #overlayContext = /** @type {CanvasRenderingContext2D} */ (this.#overlay.getContext("2d"));
  #waiting = /** @type {any[]} */ ([]);
  #detections = /** @type {Map<string, any>} */ (new Map());
  #newestDetection = /** @type {any} */ (null);
  #detectedMs = -Infinity;
  #decoded = 0; // since the last refresh
  #drawnMs = /** @type {number[]} */ ([]);
  #needsOverlay = false;
  #arrivals = 0;
  /** The frame on the canvas, or null. @type {any} */
  shown = null;
  /** @type {import("./overlay.js").Layers} */
  layers = { fill: true, lines: true, centre: true, segments: false };
  departure = /** @type {string | null} */ (null);

  /** @param {import("./connection.js").Connection} connection */
  constructor(connection) {
    this.#connection = connection;
    connection.on("frame", (frame) => this.#decode(frame));
    connection.on("detection", (detection) => this.#store(detection));
    connection.on("open", () => (this.#decoded = 0));
  }

  /** Draw the next frame; called at each screen refresh. @param {number} nowMs */
  refresh(nowMs) {
    // A hidden tab is never refreshed: it grants no credit and receives no frames.
    if (this.#decoded > 0) this.#connection.grant(Math.min(this.#decoded, MAX_FRAMES));
    this.#decoded = 0;
    const next = this.#nextFrame(nowMs);
    if (next) this.#show(next, nowMs);
    if (next || this.#needsOverlay) this.#drawOverlay();
  }

  redrawOverlay() {
    this.#needsOverlay = true;
  }

  /** Frames per second, averaged over two seconds. @param {number} nowMs */
  rate(nowMs) {
    this.#drawnMs = this.#drawnMs.filter((ms) => nowMs - ms < 2000);
    return this.#drawnMs.length / 2;
  }

  /** Milliseconds since the last new frame was drawn. @param {number} nowMs */
  silentMs(nowMs) {
    return this.shown ? nowMs - this.shown.shownMs : Infinity;
  }

  /** @param {import("./connection.js").Frame} frame */
  async #decode(frame) {
    const order = ++this.#arrivals;
    let bitmap;
    try {
      bitmap = await createImageBitmap(new Blob([frame.jpeg], { type: "image/jpeg" }));
    } catch {
      this.#decoded += 1; // a broken JPEG is skipped
      return;
    }
    this.#decoded += 1;
    const { jpeg, ...head } = frame;
    this.#waiting.push({ ...head, bitmap, order, arrivedMs: performance.now() });
    this.#waiting.sort((a, b) => a.order - b.order); // frames may be decoded out of order
    while (this.#waiting.length > MAX_FRAMES) this.#waiting.shift().bitmap.close();
  }

  /** @param {any} detection */
  #store(detection) {
    this.#newestDetection = detection;
    this.#detectedMs = performance.now();
    const id = key(detection, detection.frame_id);
    this.#detections.set(id, detection);
    if (this.#detections.size > MAX_DETECTIONS) this.#detections.delete(this.#detections.keys().next().value);
    if (this.shown && id === key(this.shown, this.shown.frameId)) this.#needsOverlay = true;
  }

  /** Remove and return the newest frame that has its detection or has waited long enough. @param {number} nowMs */
  #nextFrame(nowMs) {
    const timeoutMs = nowMs - this.#detectedMs < DETECTOR_SILENT_MS ? JOIN_TIMEOUT_MS : 0;
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const frame = this.#waiting[i];
      if (this.#detections.has(key(frame, frame.frameId)) || nowMs - frame.arrivedMs >= timeoutMs) {
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
    if (isRepeated) return; // the same frame again does not make the image fresh
    this.shown = { ...frame, bitmap: null, shownMs: nowMs, ageS: this.#connection.now() - frame.timestamp };
    this.#drawnMs.push(nowMs);
  }

  #drawOverlay() {
    this.#needsOverlay = false;
    const { width, height } = this.#video;
    // Twice the resolution where the image is shown enlarged: the lines stay sharp.
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
    const detection = exact ?? this.#recentDetection();
    this.#overlay.dataset.join = exact ? "exact" : detection ? "late" : "none";
    if (detection) drawOverlay(context, detection, this.layers, { isExact: Boolean(exact), departure: this.departure });
  }

  /** The newest detection, if it belongs to this session and is only a few frames old. */
  #recentDetection() {
    const detection = this.#newestDetection;
    if (!detection || detection.session !== this.shown.session) return null;
    const lag = this.shown.frameId - detection.frame_id;
    return lag > 0 && lag <= MAX_LATE_FRAMES ? detection : null;
  }
}
