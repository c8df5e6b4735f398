// The status of the page: live, paused, stale, waiting or disconnected. The most severe one is shown.

import { byId, setAttribute, setText } from "./dom.js";
import { formatDuration } from "./format.js";

export const STALE_MS = 1000; // an image older than this is not live
const DEFAULT_BROKER_PORT = "5557"; // commands for this port need no option

/** `image`: state of the camera image; `link`: text of the header; the other texts belong to the banner.
 * @typedef {{level: string, image: string, link: string, title?: string, text?: string, command?: string}} Status */

/** Choose the status.
 * @param {{isOpen: boolean, closeReason: string, broker: any, hasImage: boolean, silentMs: number, ageS: number,
 *           isPaused: boolean}} facts @returns {Status} */
export function chooseStatus({ isOpen, closeReason, broker, hasImage, silentMs, ageS, isPaused }) {
  const image = hasImage ? "stale" : "empty";
  if (!isOpen) {
    return {
      level: "lost", image, link: "viewer disconnected",
      title: "Viewer disconnected", text: closeReason ? `${closeReason}; reconnecting` : "reconnecting", command: "viewer",
    };
  }
  if (!broker) return { level: "waiting", image, link: "connecting" };
  if (!broker.alive) {
    const since = broker.silent_s === null ? `no message from ${broker.address} yet` : `silent for ${formatDuration(broker.silent_s)}`;
    return {
      level: "waiting", image, link: "waiting for broker",
      title: "Waiting for broker", text: since, command: command("lkas --method cv --broadcast", broker),
    };
  }
  if (isPaused) {
    return { level: "paused", image: hasImage ? "paused" : "empty", link: "paused", title: "Paused", text: "press space or the button to resume" };
  }
  if (!hasImage) {
    return {
      level: "waiting", image, link: "waiting for camera_feed",
      title: "Waiting for camera_feed", text: "no simulation has sent an image", command: command("simulation --broadcast", broker),
    };
  }
  // The image is old when no new one arrives, or when those that arrive were taken long ago.
  const oldS = Math.max(silentMs / 1000, silentMs < STALE_MS ? ageS : 0);
  if (oldS * 1000 > STALE_MS) {
    return {
      level: "waiting", image, link: "stale",
      title: "Stale image", text: `last image ${formatDuration(oldS)} ago`, command: oldS > 5 ? command("simulation --broadcast", broker) : undefined,
    };
  }
  return { level: "live", image: "live", link: "live" };
}

/** A command with the option that it needs to reach this broker. @param {string} text @param {{address: string}} broker */
function command(text, { address }) {
  const port = address.slice(address.lastIndexOf(":") + 1);
  return port === DEFAULT_BROKER_PORT ? text : `${text} --set zmq.port_base=${port}`;
}

/** @param {Status} status */
export function showStatus(status) {
  setAttribute(byId("camera"), "data-state", status.image);
  setAttribute(byId("link"), "data-level", status.level);
  setText(byId("link-text"), status.link);
  const banner = byId("banner");
  banner.hidden = status.title === undefined;
  setAttribute(banner, "data-level", status.level);
  setText(byId("banner-title"), status.title ?? "");
  setText(byId("banner-text"), status.text ?? "");
  const code = byId("banner-command");
  code.hidden = status.command === undefined;
  setText(code, status.command ?? "");
}
