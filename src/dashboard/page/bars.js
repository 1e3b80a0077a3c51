/** The last 60 runs as bars: height is duration, split into waiting and working; colour, pattern and sign are the state. */
import { el, fill, follow, setProps, setText } from "./dom.js";
import { clock, counted, span } from "./format.js";
import { icon, stateClass } from "./icons.js";
import { serverNow } from "./way.js";

/** @typedef {import("./types.ts").Run} Run */

export const BARS = 60;
/** A duration above so many times the median is cut, that the others can be seen. */
const CUT = 3;
/** Of the height, so that a short run is seen. */
const LEAST = 6;

/**
 * How long it waited, before it began and between its attempts, and how long these took, in ms; null where it was not begun.
 * @param {Run} run
 */
export function tookOf({ state, queuedAt, startedAt, endedAt, workedMs, attemptSince }) {
  if (startedAt === null) return { waited: state === "queued" ? Math.max(0, serverNow() - queuedAt) : 0, worked: null };
  const worked = Math.max(0, workedMs + (attemptSince === null ? 0 : serverNow() - attemptSince));
  const until = endedAt ?? (state === "running" ? serverNow() : startedAt + worked);
  return { waited: Math.max(0, until - queuedAt - worked), worked };
}

/** @param {Run} run */
export function tellRun(run) {
  const { waited, worked } = tookOf(run);
  const took = worked === null ? "not begun" : `worked ${span(worked)}${waited < 10 ? "" : `, waited ${span(waited)}`}`;
  const records = run.attempts === 0 ? "" : `, ${counted(run.published, "record")} published`;
  return `${clock(run.queuedAt)}, ${run.state}, ${took}${records}${run.error === null ? "" : `: ${run.error}`}`;
}

export class Bars {
  #bars = el("div", {
    class: "bars",
    role: "group",
    "aria-label": `The last ${BARS} runs, the newest last. The arrow keys go from one to the next.`,
    onkeydown: (/** @type {KeyboardEvent} */ event) => this.#keys(event),
  });
  #said = el("p", { class: "bar-said faint" });
  #scale = el("span", { class: "faint" });
  element = el("div", {}, el("p", { class: "bar-scale" }, this.#scale), this.#bars, this.#said);
  /** The one that the tab key comes to. @type {string | undefined} */
  #current;

  /** @param {readonly Run[]} newestFirst */
  show(newestFirst) {
    const runs = newestFirst.slice(0, BARS).reverse();
    const top = topOf(runs);
    setText(this.#scale, `A full bar is ${span(top)} or more`);
    if (!runs.some(({ id }) => id === this.#current)) this.#current = runs.at(-1)?.id;
    follow(this.#bars, runs, {
      key: ({ id }) => id,
      make: ({ id }) => this.#make(id),
      update: (bar, run) => this.#update(bar, run, top),
    });
    const last = runs.at(-1);
    if (!this.#bars.matches(":hover, :focus-within")) setText(this.#said, last ? `Newest: ${tellRun(last)}` : "");
  }

  /** @param {string} id */
  #make(id) {
    const say = () => setText(this.#said, bar.getAttribute("aria-label") ?? "");
    const bar = el(
      "a",
      { href: `#/runs/${id}`, onpointerenter: say, onfocus: say },
      el("span", { class: "column" }, el("span", { class: "wait" }), el("span", { class: "work" })),
      el("span", { class: "sign" }),
    );
    return bar;
  }

  /** @param {HTMLAnchorElement} bar @param {Run} run @param {number} top */
  #update(bar, run, top) {
    const { waited, worked } = tookOf(run);
    const cut = waited + (worked ?? 0) > top;
    setProps(bar, {
      class: `bar ${stateClass(run.state)}${cut ? " cut" : ""}`,
      "aria-label": tellRun(run),
      tabindex: run.id === this.#current ? "0" : "-1",
    });
    const [column, sign] = /** @type {HTMLElement[]} */ ([...bar.children]);
    const all = Math.max(LEAST, Math.min(100, (100 * (waited + (worked ?? 0))) / top));
    const waiting = worked === null ? 100 : (100 * waited) / Math.max(1, waited + worked);
    column.style.setProperty("height", `${all.toFixed(1)}%`);
    /** @type {HTMLElement} */ (column.firstElementChild).style.setProperty("height", `${waiting.toFixed(1)}%`);
    if (sign.dataset.state !== run.state) {
      sign.dataset.state = run.state;
      fill(sign, icon(run.state));
    }
  }

  /** @param {KeyboardEvent} event */
  #keys(event) {
    const bars = /** @type {HTMLElement[]} */ ([...this.#bars.children]);
    const at = bars.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[event.key];
    const next = to === undefined ? undefined : bars[to];
    if (at === -1 || next === undefined) return;
    event.preventDefault();
    bars[at]?.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
    this.#current = next.getAttribute("href")?.split("/").at(-1);
  }
}

/** The duration of a full bar, in ms. @param {readonly Run[]} runs */
function topOf(runs) {
  const took = runs.map(tookOf).map(({ waited, worked }) => waited + (worked ?? 0)).filter((ms) => ms > 0).sort((
    a,
    b,
  ) => a - b);
  const median = took[Math.floor(took.length / 2)] ?? 0;
  return Math.max(10, Math.min(took.at(-1) ?? 0, median * CUT));
}
