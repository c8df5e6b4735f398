// Plots of the last minute at 10 Hz, with one cursor over all of them.

import uPlot from "../vendor/uplot/uPlot.esm.js";
import { byId, make, setText } from "./dom.js";
import { UNKNOWN, formatNumber } from "./format.js";

const PERIOD_S = 0.1;
const SAMPLES = 600; // one minute
const SYNC = "lkas";
const MIN_WIDTH_PX = 130; // of a plot with four labels on its time axis

/** `minTop`: the axis reaches at least so far from zero. `curves`: names and colours of several curves in one plot. */
const PLOTS = [
  { name: "offset", unit: "m", digits: 2, minTop: 0.5, hint: "right +" },
  { name: "heading", unit: "°", digits: 1, minTop: 2, hint: "right +" },
  { name: "steering", unit: "%", digits: 1, minTop: 10, hint: "right +" },
  { name: "speed", unit: "km/h", digits: 0, minTop: 20, fromZero: true, hint: "" },
  { name: "terms", unit: "m/s²", digits: 2, minTop: 0.5, hint: "", curves: [
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
  isFrozen = false;

  constructor() {
    const grid = byId("plots");
    for (const { name, unit, hint, curves } of PLOTS) {
      const reading = make("b", {}, curves ? "" : UNKNOWN); // no room for the values of several curves
      const names = (curves ?? []).map((curve) => make("small", {}, curve.name));
      names.forEach((label, i) => (label.style.color = `var(${curves?.[i].colour})`));
      const header = make("header", {}, `${name} ${unit}`, make("small", {}, hint), ...names, reading);
      grid.append(make("div", { class: "plot" }, header, make("div", { class: "area" })));
      this.#readings.push(reading);
    }
    this.#build();
    byId("freeze-plots").addEventListener("click", () => this.freeze(!this.isFrozen));
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.#build());
    new ResizeObserver(() => this.#resize()).observe(grid);
  }

  /** Add one point to each curve. @param {any} state @param {any} control */
  sample(state, control) {
    const speed = state?.speed;
    const steering = control?.steering ?? state?.steering;
    const terms = control?.terms;
    const points = [
      [control?.lateral_offset_meters],
      [control?.heading_angle ?? state?.heading_angle],
      [Number.isFinite(steering) ? steering * 100 : null],
      [Number.isFinite(speed) ? speed * 3.6 : null],
      // Curvature, left positive, times speed squared is lateral acceleration; right positive like the other plots.
      [terms?.feedforward, terms?.offset, terms?.heading].map((term) => -term * speed ** 2),
    ];
    this.#values.forEach((curves, i) => curves.forEach((values, j) => {
      values.shift();
      values.push(Number.isFinite(points[i][j]) ? points[i][j] : null);
    }));
    if (this.isFrozen || document.hidden) return;
    this.#charts.forEach((chart, i) => chart.setData([this.#seconds, ...this.#values[i]]));
    this.#showValues();
  }

  /** Freeze the plots, or let them run again; points are collected either way. @param {boolean} isFrozen */
  freeze(isFrozen) {
    this.isFrozen = isFrozen;
    byId("freeze-plots").setAttribute("aria-pressed", String(isFrozen));
    if (isFrozen) this.#values = this.#values.map((curves) => curves.map((values) => [...values]));
  }

  #showValues() {
    this.#charts.forEach((chart, i) => {
      const index = chart.cursor.idx ?? SAMPLES - 1;
      if (!PLOTS[i].curves) setText(this.#readings[i], formatNumber(chart.data[1][index], PLOTS[i].digits));
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
          ...axis, size: 22, gap: 5, splits: ({ width }) => (width < MIN_WIDTH_PX ? [-60, 0] : [-60, -40, -20, 0]),
          values: (_, ticks) => ticks.map((t) => (t ? `${t}` : "now")),
        },
        { ...axis, size: 36, gap: 5, space: 22 },
      ],
      series: [{}, ...CURVES[i].map((curve) => ({
        stroke: colour(curve.colour), width: 1.6, points: { show: false }, spanGaps: false,
      }))],
      hooks: { setCursor: [() => this.#charts.length && this.#showValues()] },
    }, [this.#seconds, ...this.#values[i]], area));
  }
}

/** Range of the y axis: symmetric about zero, or from zero; it grows only when the curve needs it.
 * @param {typeof PLOTS[0]} plot @param {number | null} low @param {number | null} high @returns {[number, number]} */
function range({ minTop, fromZero }, low, high) {
  const top = Math.max(minTop, 1.1 * Math.max(Math.abs(low ?? 0), Math.abs(high ?? 0)));
  return [fromZero ? 0 : -top, top];
}
