/** Lines over time, drawn by uPlot, which is loaded when the first is wanted. What a line says stands above it as text. */
import { el, setText, svg } from "./dom.js";
import { clock } from "./format.js";

/**
 * @typedef {object} Line
 * @property {string} name
 * @property {string} colour a custom property of the style sheet: `--accent`
 * @property {number[]} [dash]
 */

/**
 * How the values of a chart are said, on its axis and above it.
 * @typedef {object} Scale
 * @property {(value: number | null) => string} text with its unit
 * @property {(value: number) => string} tick
 * @property {number[]} [steps] between ticks, where they are not to be decimal
 */

const HEIGHT = 128;
/** The highest value that an axis has at the least: its marks are then whole numbers. */
const LEAST = 4;
/** Charts that share a cursor. */
const SYNC = "stream";

/** @type {Promise<void> | undefined} */
let loading;

/** uPlot is a plain script, whose name is then a global one. */
function loadPlot() {
  return loading ??= new Promise((resolve, reject) => {
    const script = el("script", { src: "/assets/uPlot.js", onload: () => resolve(undefined), onerror: reject });
    document.head.append(el("link", { rel: "stylesheet", href: "/assets/uPlot.css" }), script);
  });
}

/** @param {string} name of a custom property */
function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const dark = matchMedia("(prefers-color-scheme: dark)");

export class Chart {
  #said = el("span", { class: "said" });
  #plot = el("div", { class: "plot" });
  /** @type {any} */
  #drawn;
  #lines;
  #scale;
  #name;
  /** In seconds, then one list a line. @type {(number | null)[][]} */
  #data = [[]];
  element;

  /** @param {string} name @param {Line[]} lines @param {Scale} scale */
  constructor(name, lines, scale) {
    this.#name = name;
    this.#lines = lines;
    this.#scale = scale;
    this.element = el(
      "figure",
      { class: "chart" },
      el("figcaption", {}, el("h3", {}, name), this.#said),
      this.#plot,
    );
    dark.addEventListener("change", () => this.#drawn?.redraw());
    new ResizeObserver(() => this.#fit()).observe(this.#plot);
  }

  /** Out of sight it has no width. */
  #fit() {
    const width = this.#plot.clientWidth;
    if (width > 0) this.#drawn?.setSize({ width, height: HEIGHT });
  }

  /** @param {number[]} at in ms @param {(number | null)[][]} values one list a line */
  async show(at, values) {
    this.#data = [at.map((ms) => ms / 1000), ...values];
    this.#say(null);
    await loadPlot();
    if (this.#drawn !== undefined) return this.#drawn.setData(this.#data);
    if (this.#plot.clientWidth > 0) this.#drawn = this.#draw();
  }

  /** The value under the cursor, else the newest. @param {number | null} index */
  #say(index) {
    const times = this.#data[0] ?? [];
    const at = index ?? times.length - 1;
    const parts = this.#lines.map(({ name }, i) => {
      const value = this.#scale.text(this.#data[i + 1]?.[at] ?? null);
      return this.#lines.length === 1 ? value : `${name} ${value}`;
    });
    const time = index === null ? "" : ` at ${clock((times[at] ?? 0) * 1000)}`;
    setText(this.#said, parts.join(" · ") + time);
    this.#plot.setAttribute("role", "img");
    this.#plot.setAttribute("aria-label", `${this.#name} over the last 15 minutes. ${this.#peak()}`);
  }

  #peak() {
    const known = this.#data.slice(1).flat().filter((value) => value !== null);
    return known.length === 0 ? "Nothing is known" : `The most was ${this.#scale.text(Math.max(...known))}`;
  }

  #draw() {
    const axis = {
      stroke: () => colourOf("--faint"),
      grid: { stroke: () => colourOf("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    const series = this.#lines.map(({ name, colour, dash }) => ({
      label: name,
      stroke: () => colourOf(colour),
      width: 1.5,
      dash,
      points: { show: true, size: 4, fill: () => colourOf(colour), filter: alone },
    }));
    const options = {
      width: this.#plot.clientWidth,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 5 } },
      series: [{}, ...series],
      scales: { y: { range: fromZero } },
      axes: [
        { ...axis, size: 24, space: 70, values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(minute) },
        {
          ...axis,
          size: 62,
          space: 24,
          incrs: this.#scale.steps,
          values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(this.#scale.tick),
        },
      ],
      hooks: { setCursor: [(/** @type {any} */ plot) => this.#say(plot.cursor.idx ?? null)] },
    };
    const { uPlot } = /** @type {any} */ (globalThis);
    return new uPlot(options, this.#data, this.#plot);
  }
}

/** @param {any} _ @param {number} __ @param {number | null} most null where nothing is known */
function fromZero(_, __, most) {
  return [0, Math.max((most ?? 0) * 1.1, LEAST)];
}

/** The points that no line leads to. @param {any} plot @param {number} line */
function alone({ data }, line) {
  /** @type {(number | null)[]} */
  const values = data[line];
  return values.flatMap((value, i) => value !== null && values[i - 1] == null && values[i + 1] == null ? [i] : []);
}

/** @param {number} seconds */
function minute(seconds) {
  return clock(seconds * 1000).slice(-8, -3);
}

/** How a line of a chart looks, for its legend. @param {Line} line */
export function key({ name, colour, dash }) {
  const drawn = svg("line", { x1: 0, y1: 4, x2: 22, y2: 4, "stroke-width": 2, "stroke-dasharray": dash?.join(" ") });
  drawn.style.setProperty("stroke", `var(${colour})`);
  return el(
    "span",
    { class: "key" },
    svg("svg", { viewBox: "0 0 22 8", width: 22, height: 8, "aria-hidden": "true" }, drawn),
    name,
  );
}
