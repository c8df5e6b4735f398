// What the page says about itself: live, paused, stale, waiting, disconnected. The worst one wins.

import { byId, setAttribute, setText } from "./dom.js";
import { duration } from "./words.js";

export const STALE_MS = 1000; // a picture older than this is not called live
const USUAL_PORT = "5557"; // of a broker that was not told otherwise

/** @typedef {{level: string, picture: string, link: string, title?: string, text?: string, command?: string}} Verdict */

/** @param {{isOpen: boolean, closeReason: string, broker: any, hasPicture: boolean, silentMs: number, ageS: number,
 *           isPaused: boolean}} facts @returns {Verdict} */
export function judge({ isOpen, closeReason, broker, hasPicture, silentMs, ageS, isPaused }) {
  const picture = hasPicture ? "stale" : "empty";
  if (!isOpen) {
    return {
      level: "lost", picture, link: "viewer disconnected",
      title: "Viewer disconnected", text: closeReason ? `${closeReason}; reconnecting` : "reconnecting", command: "viewer",
    };
  }
  if (!broker) return { level: "waiting", picture, link: "connecting" };
  if (!broker.alive) {
    const since = broker.silent_s === null ? `nothing heard at ${broker.address} yet` : `silent for ${duration(broker.silent_s)}`;
    return {
      level: "waiting", picture, link: "waiting for broker",
      title: "Waiting for broker", text: since, command: start("lkas --method cv --broadcast", broker),
    };
  }
  if (isPaused) {
    return { level: "paused", picture: hasPicture ? "paused" : "empty", link: "paused", title: "Paused", text: "space or the button resumes" };
  }
  if (!hasPicture) {
    return {
      level: "waiting", picture, link: "waiting for camera_feed",
      title: "Waiting for camera_feed", text: "no simulation has sent a frame", command: start("simulation --broadcast", broker),
    };
  }
  // Two ways to be old: nothing new arrives, or what arrives was taken long ago.
  const oldS = Math.max(silentMs / 1000, silentMs < STALE_MS ? ageS : 0);
  if (oldS * 1000 > STALE_MS) {
    return {
      level: "waiting", picture, link: "stale",
      title: "Stale picture", text: `last frame ${duration(oldS)} ago`, command: oldS > 5 ? start("simulation --broadcast", broker) : undefined,
    };
  }
  return { level: "live", picture: "live", link: "live" };
}

/** A command to type, with the ports on which this page listens. @param {string} command @param {{address: string}} broker */
function start(command, { address }) {
  const port = address.slice(address.lastIndexOf(":") + 1);
  return port === USUAL_PORT ? command : `${command} --set zmq.port_base=${port}`;
}

/** @param {Verdict} verdict */
export function showVerdict(verdict) {
  setAttribute(byId("picture"), "data-state", verdict.picture);
  setAttribute(byId("link"), "data-level", verdict.level);
  setText(byId("link-text"), verdict.link);
  const banner = byId("banner");
  banner.hidden = verdict.title === undefined;
  setAttribute(banner, "data-level", verdict.level);
  setText(byId("banner-title"), verdict.title ?? "");
  setText(byId("banner-text"), verdict.text ?? "");
  const command = byId("banner-command");
  command.hidden = verdict.command === undefined;
  setText(command, verdict.command ?? "");
}
