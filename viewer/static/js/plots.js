// Small plots of the last minute, ten points a second, one cursor over all of them.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { byId, make, setText } from "./dom.js";
import { UNKNOWN, figure } from "./words.js";

const SAMPLES = 600; // a minute at 10 Hz
const PERIOD_S = 0.1;
const SYNC = "lkas";
const LEAST_WIDTH_PX = 130; // of a plot with room for four words below it

/** `least`: half the height of the axis (or its top, from zero) when the curve is smaller.
 * `curves`: names and colours of several curves in one plot; without it there is one. */
const PLOTS = [
  { name: "offset", unit: "m", digits: 2, least: 0.5, hint: "right +" },
  { name: "heading", unit: "°", digits: 1, least: 2, hint: "right +" },
  { name: "steering", unit: "%", digits: 1, least: 10, hint: "right +" },
  { name: "speed", unit: "km/h", digits: 0, least: 20, fromZero: true, hint: "" },
  { name: "terms", unit: "m/s²", digits: 2, least: 0.5, hint: "", curves: [
    { name: "lane", colour: "--accent" },
    { name: "offset", colour: "--warn" },
    { name: "heading", colour: "--text" },
  ] },
];
const CURVES = PLOTS.map(({ curves }) => curves ?? [{ name: "", colour: "--accent" }]);

export class Plots {
  #values = CURVES.map((curves) => curves.map(() => /** @type {(number | null)[]} */ (new Array(SAMPLES).fill(null))));
  #seconds = Array.from({ length: SAMPLES }, (_, i) => (i - SAMPLES + 1) * PERIOD_S);
  #charts = /** @type {any[]} */ ([]);
  #readings = /** @type {HTMLElement[]} */ ([]);
  isHeld = false;

  constructor() {
    const grid = byId("plots");
    for (const { name, unit, hint, curves } of PLOTS) {
      const reading = make("b", {}, curves ? "" : UNKNOWN); // of several curves there is no room for
      const names = (curves ?? []).map((curve) => make("small", {}, curve.name));
      names.forEach((label, i) => (label.style.color = `var(${curves?.[i].colour})`));
      const header = make("header", {}, `${name} ${unit}`, make("small", {}, hint), ...names, reading);
      grid.append(make("div", { class: "plot" }, header, make("div", { class: "area" })));
      this.#readings.push(reading);
    }
    this.#build();
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.#build());
    new ResizeObserver(() => this.#resize()).observe(grid);
  }

  /** Take one point of each curve. @param {any} state @param {any} control */
  sample(state, control) {
    const speed = state?.speed;
    const steering = control?.steering ?? state?.steering;
    const terms = control?.terms;
    const points = [
      [control?.lateral_offset_meters],
      [control?.heading_angle ?? state?.heading_angle],
      [Number.isFinite(steering) ? steering * 100 : null],
      [Number.isFinite(speed) ? speed * 3.6 : null],
      // A curvature, left positive, becomes the lateral acceleration that it means, to the right like the others.
      [terms?.feedforward, terms?.offset, terms?.heading].map((term) => -term * speed ** 2),
    ];
    this.#values.forEach((curves, i) => curves.forEach((values, j) => {
      values.shift();
      values.push(Number.isFinite(points[i][j]) ? points[i][j] : null);
    }));
    if (this.isHeld || document.hidden) return;
    this.#charts.forEach((chart, i) => chart.setData([this.#seconds, ...this.#values[i]]));
    this.#read();
  }

  /** Keep the picture as it is, or let it run again; points are collected either way. @param {boolean} isHeld */
  hold(isHeld) {
    this.isHeld = isHeld;
    if (isHeld) this.#values = this.#values.map((curves) => curves.map((values) => [...values]));
  }

  #read() {
    this.#charts.forEach((chart, i) => {
      const index = chart.cursor.idx ?? SAMPLES - 1;
      if (!PLOTS[i].curves) setText(this.#readings[i], figure(chart.data[1][index], PLOTS[i].digits));
    });
  }

  #areas() {
    return /** @type {HTMLElement[]} */ ([...byId("plots").querySelectorAll(".area")]);
  }

  #resize() {
    this.#areas().forEach((area, i) => this.#charts[i].setSize({ width: area.clientWidth, height: area.clientHeight }));
  }

  #build() {
    for (const chart of this.#charts) chart.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--muted"), font: "11px system-ui, sans-serif", ticks: { show: false }, border: { show: false },
      grid: { stroke: colour("--line"), width: 1 },
    };
    this.#charts = this.#areas().map((area, i) => new uPlot({
      width: Math.max(area.clientWidth, 50),
      height: Math.max(area.clientHeight, 50),
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 6 }, y: false },
      scales: { x: { time: false }, y: { range: (_, low, high) => range(PLOTS[i], low, high) } },
      axes: [
        {
          ...axis, size: 22, gap: 5, splits: ({ width }) => (width < LEAST_WIDTH_PX ? [-60, 0] : [-60, -40, -20, 0]),
          values: (_, ticks) => ticks.map((t) => (t ? `${t}` : "now")),
        },
        { ...axis, size: 36, gap: 5, space: 22 },
      ],
      series: [{}, ...CURVES[i].map((curve) => ({
        stroke: colour(curve.colour), width: 1.6, points: { show: false }, spanGaps: false,
      }))],
      hooks: { setCursor: [() => this.#charts.length && this.#read()] },
    }, [this.#seconds, ...this.#values[i]], area));
  }
}

/** Steady axes: symmetric about zero (or from it), growing only when the curve needs it.
 * @param {typeof PLOTS[0]} plot @param {number | null} low @param {number | null} high @returns {[number, number]} */
function range({ least, fromZero }, low, high) {
  const top = Math.max(least, 1.1 * Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0)));
  return [fromZero ? 0 : -top, top];
}
