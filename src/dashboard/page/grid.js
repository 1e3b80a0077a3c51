/** Tables of rows: made once, then kept up to date row by row. */
import { el, fill, follow, keepingFocus } from "./dom.js";
import { clock, iso } from "./format.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} name
 * @property {(item: T) => import("./dom.js").Child} cell
 * @property {"number" | "code" | "wide" | "text"} [as] `wide` is left out on a narrow screen
 */

/**
 * @template T
 * @typedef {object} Grid
 * @property {HTMLElement} element
 * @property {(items: readonly T[]) => void} show
 */

/**
 * @template T
 * @param {object} how
 * @param {string} how.caption for a screen reader
 * @param {Column<T>[]} how.columns the first cell of a row is its heading
 * @param {(item: T) => unknown} how.key
 * @param {(item: T) => string} [how.rowClass]
 * @returns {Grid<T>}
 */
export function grid({ caption, columns, key, rowClass }) {
  const body = el("tbody");
  const heads = columns.map(({ name, as }) => el("th", { scope: "col", class: as }, name));
  const element = el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, ...heads)), body),
  );
  /** @type {WeakMap<Element, string>} */
  const said = new WeakMap();
  const make = () => el("tr");
  /** @param {Element} row @param {T} item */
  const update = (row, item) => {
    const now = JSON.stringify(item);
    if (said.get(row) === now) return;
    said.set(row, now);
    row.className = rowClass?.(item) ?? "";
    keepingFocus(row, () => fill(row, ...columns.map((column, i) => cellOf(column, item, i === 0))));
  };
  return { element, show: (items) => follow(body, items, { key, make, update }) };
}

/** @template T @param {Column<T>} column @param {T} item @param {boolean} first */
function cellOf({ cell, as }, item, first) {
  return first ? el("th", { scope: "row", class: as }, cell(item)) : el("td", { class: as }, cell(item));
}

/** A time of the clock, with all of it as its title. @param {number | null} ms */
export function timeCell(ms) {
  return ms === null ? "" : el("time", { datetime: iso(ms), title: iso(ms) }, clock(ms));
}
