// The WebSocket to the viewer: frames and telemetry in, credit and requests out. Reconnects by itself.

const FRAME_TYPE = 1;
const HEADER_BYTES = 32;
const FRAMES_IN_FLIGHT = 2;
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 3000;

/** @typedef {{session: number, frameId: number, timestamp: number, width: number, height: number, jpeg: Uint8Array}} Frame */

/** Parse a binary message; null when it is no frame. viewer/wire.py defines the layout. @param {ArrayBuffer} buffer @returns {Frame | null} */
export function parseFrame(buffer) {
  if (buffer.byteLength <= HEADER_BYTES) return null;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== FRAME_TYPE) return null;
  return {
    width: view.getUint16(4, true),
    height: view.getUint16(6, true),
    session: Number(view.getBigInt64(8, true)), // below 2**53
    frameId: Number(view.getBigInt64(16, true)),
    timestamp: view.getFloat64(24, true),
    jpeg: new Uint8Array(buffer, HEADER_BYTES),
  };
}

export class Connection {
  #url;
  #socket = /** @type {WebSocket | null} */ (null);
  #retryMs = FIRST_RETRY_MS;
  #handlers = new Map();
  #clockOffsets = /** @type {number[]} */ ([]);
  isOpen = false;
  /** The reason that the viewer gave when it closed the connection. */
  closeReason = "";

  /** @param {string} url */
  constructor(url) {
    this.#url = url;
  }

  /** Call `handler` for each message of this type: a topic, frame, open or close.
   * @param {string} type @param {(message: any) => void} handler */
  on(type, handler) {
    this.#handlers.set(type, [...(this.#handlers.get(type) ?? []), handler]);
  }

  connect() {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.isOpen = true;
      this.#clockOffsets = [];
      this.grant(FRAMES_IN_FLIGHT);
      this.#notify("open", null);
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = ({ reason }) => {
      if (this.isOpen) this.#retryMs = FIRST_RETRY_MS;
      const wasRefused = !this.isOpen && !reason;
      this.isOpen = false;
      this.closeReason = reason;
      if (wasRefused) this.#explainRefusal();
      this.#notify("close", reason);
      setTimeout(() => this.connect(), this.#retryMs * (0.8 + 0.4 * Math.random()));
      this.#retryMs = Math.min(this.#retryMs * 1.7, MAX_RETRY_MS);
    };
    this.#socket = socket;
  }

  /** A proxy that changes the host name gets the page, but no WebSocket: say so instead of trying for ever. */
  async #explainRefusal() {
    try {
      await fetch("healthz");
    } catch {
      return; // the viewer is not there at all
    }
    if (!this.isOpen)
      this.closeReason = `the viewer refuses the address ${location.host}: add its name to viewer.allowed_hosts`;
  }

  /** @param {object} message @returns {boolean} whether it was sent */
  send(message) {
    if (!this.isOpen || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Allow the viewer to send so many more frames. @param {number} frames */
  grant(frames) {
    this.send({ type: "credit", frames });
  }

  /** Time of the viewer's clock, epoch seconds; this machine's clock may differ. */
  now() {
    return Date.now() / 1000 - (this.#clockOffsets.length ? Math.min(...this.#clockOffsets) : 0);
  }

  /** @param {string | ArrayBuffer} data */
  #receive(data) {
    if (typeof data !== "string") {
      const frame = parseFrame(data);
      if (frame) this.#notify("frame", frame);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "viewer") {
      // The smallest of the last offsets belongs to the message with the shortest delay.
      this.#clockOffsets = [...this.#clockOffsets.slice(-9), Date.now() / 1000 - message.time];
    }
    this.#notify(message.type, message);
  }

  /** @param {string} type @param {any} message */
  #notify(type, message) {
    for (const handler of this.#handlers.get(type) ?? []) handler(message);
  }
}
