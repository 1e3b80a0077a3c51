/** Small shapes that say a state without its colour; beside them stands the state's name. */
import { svg } from "./dom.js";

/** Drawn in a square of 16 by 16; those of `FILLED` are filled, the others are lines. */
const SHAPES = {
  fine: "M8 2a6 6 0 1 0 0 12A6 6 0 1 0 8 2z",
  waiting: "M4 2h8M4 14h8M5 2c0 5 6 7 6 12M11 2c0 5-6 7-6 12",
  down: "M8 1.5 15 14H1zM8 6v4M8 11.5v1",
  idle: "M8 2.5a5.5 5.5 0 1 0 0 11A5.5 5.5 0 1 0 8 2.5z",
  delivered: "M2.5 8.5 6.5 12.5 13.5 4",
  running: "M4 2.5v11l9-5.5z",
  queued: "M3 8h.1M8 8h.1M13 8h.1",
  "to outbox": "M2 9v5h12V9M8 2v7M5 6.5 8 9.5l3-3",
  failed: "M3 3l10 10M13 3 3 13",
  skipped: "M3 3l5 5-5 5M8 3l5 5-5 5",
  missed: "M8 2.5a5.5 5.5 0 1 0 0 11A5.5 5.5 0 1 0 8 2.5zM4 12 12 4",
  interrupted: "M9 1.5 4 9h4l-1 5.5L12 7H8z",
  paused: "M5 3v10M11 3v10",
};
const FILLED = new Set(["fine", "running", "interrupted"]);

/** @typedef {keyof typeof SHAPES} Shape */

/** @param {string} name a state of a part or of a run */
export function icon(name) {
  const filled = FILLED.has(name);
  return svg(
    "svg",
    { class: filled ? "icon filled" : "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: SHAPES[/** @type {Shape} */ (name)] ?? SHAPES.idle }),
  );
}

/** The class that gives a state its colour and pattern: `s-to-outbox`. @param {string} state */
export function stateClass(state) {
  return `s-${state.replaceAll(" ", "-")}`;
}
