/** How many have which value: each facet as bars with their numbers, of the newest messages or of the whole table. */
import { el } from "./dom.js";
import { grouped, percent } from "./format.js";

/** @typedef {import("./types.ts").Facets} Facets */

/** Bars of a facet; the others are added up. */
const SHOWN = 12;

/** @param {Facets} facets */
export function facetCharts({ of, facets }) {
  return facets.map(({ name, values }) => {
    const rows = shownOf(values);
    const most = Math.max(1, ...rows.map(([, count]) => count));
    return el(
      "div",
      { class: "facet" },
      el(
        "table",
        {},
        el("caption", {}, `by ${name}`),
        el(
          "thead",
          { class: "unseen" },
          el("tr", {}, ...[name, "records", "share"].map((head) => el("th", { scope: "col" }, head))),
        ),
        el("tbody", {}, ...rows.map(([value, count]) => barRow(value, count, most, of))),
      ),
    );
  });
}

/** @param {string} value @param {number} count @param {number} most @param {number} of */
function barRow(value, count, most, of) {
  const bar = el("span", { class: "facet-bar" });
  bar.style.setProperty("width", `${((100 * count) / most).toFixed(1)}%`);
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, value),
    el("td", { class: "facet-count" }, bar, el("span", {}, grouped(count))),
    el("td", { class: "number faint" }, of === 0 ? "" : percent(count / of)),
  );
}

/** Ranges in their own order, others most first. @param {[string, number][]} values @returns {[string, number][]} */
function shownOf(values) {
  const ranges = values.every(([value]) => /^\d+-\d+$|^unknown$/.test(value));
  const sorted = [...values].sort((a, b) => ranges ? parseInt(a[0]) - parseInt(b[0]) || 0 : b[1] - a[1]);
  if (sorted.length <= SHOWN) return sorted;
  const others = sorted.slice(SHOWN - 1);
  const left = others.reduce((sum, [, count]) => sum + count, 0);
  return [...sorted.slice(0, SHOWN - 1), [`${others.length} others`, left]];
}
