/** The table: how many rows, those of the newest messages, one by its id, and how they are made up. */
import { actionButton, once, trouble, wordsOf } from "./actions.js";
import { get } from "./api.js";
import { el, empty, field, fill, setText } from "./dom.js";
import { facetCharts } from "./facets.js";
import { clock, counted, grouped } from "./format.js";
import { grid } from "./grid.js";
import { openRow } from "./row.js";
import { countedText } from "./way.js";

/**
 * @typedef {import("./types.ts").NewestRow} NewestRow
 * @typedef {import("./types.ts").Facets} Facets
 * @typedef {import("./types.ts").Way} Way
 */

const SHOWN = 50;
/** Messages that the charts are of unless the whole table is asked for. */
const NEWEST = 10_000;
const ROWS_MS = 5_000;

export function tableView() {
  const name = el("p", { class: "faint" });
  const id = el("input", { name: "id", size: "38", autocomplete: "off", required: true });
  const rows = el("div", {}, el("p", { class: "faint" }, "Loading…"));
  const facets = el("div", { class: "facets" });
  const facetsOf = el("p", { class: "faint" });
  const whole = actionButton("Count the whole table", () => loadFacets(true));
  const find = el(
    "form",
    {
      class: "filters",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        location.hash = `#/table/${encodeURIComponent(id.value.trim())}`;
      },
    },
    field("Row of this id", id),
    el("button", { class: "main" }, "Find"),
  );
  /** @type {import("./grid.js").Grid<NewestRow> | undefined} */
  let list;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let open = false;
  let table = "";
  /** @type {Way | null} */
  let way = null;

  const loadRows = async () => {
    clearTimeout(timer);
    try {
      if (list === undefined) {
        const { columns, name } = await get("/api/table");
        table = name;
        list = rowsGrid(columns);
      }
      const { rows: newest } = await get("/api/table/newest", { limit: SHOWN });
      list.show(newest);
      if (newest.length > 0) fillOnce(rows, list.element);
      else fill(rows, noRows(way));
    } catch (error) {
      fill(rows, trouble(error));
    }
    if (open) timer = setTimeout(loadRows, ROWS_MS);
  };
  const loadFacets = async (/** @type {boolean} */ all) => {
    /** @type {Facets} */
    const found = await get("/api/table/facets", { all: all ? 1 : null });
    setText(facetsOf, `${sampleText(found, all)}, as of ${clock(Date.now())}`);
    fill(facets, ...(found.of > 0 ? facetCharts(found) : []));
  };

  return {
    element: el(
      "section",
      { "aria-labelledby": "table-title" },
      el("div", { class: "view-head" }, el("div", {}, el("h2", { id: "table-title" }, "Table"), name)),
      find,
      el(
        "div",
        { class: "list-head" },
        el("h3", {}, "How they are made up"),
        el("span", { class: "grow" }, facetsOf),
        whole,
      ),
      facets,
      el("h3", {}, "Rows of the newest messages"),
      rows,
    ),
    /** @param {string[]} path */
    open([id]) {
      // What to do is said in the place of the rows.
      if (!open) once(facets, () => loadFacets(false).catch((error) => setText(facetsOf, wordsOf(error)[0])));
      open = true;
      loadRows();
      if (id !== undefined) openRow(id);
    },
    close() {
      open = false;
      clearTimeout(timer);
    },
    /** @param {Way} now */
    onWay(now) {
      way = now;
      setText(name, `${table === "" ? "" : `${table}: `}${countText(now)}`);
    },
  };
}

/** @param {Facets} facets @param {boolean} all */
function sampleText({ of, whole }, all) {
  if (all) return whole ? `The whole table: ${counted(of, "row")}` : `The first ${counted(of, "row")} of the table`;
  if (of === 0) return "The topic has no messages";
  return of < NEWEST
    ? `The newest ${counted(of, "message")}, all there are of the topic`
    : `The newest ${grouped(NEWEST)} messages`;
}

/** Keeps what is there already, and with it the focus. @param {HTMLElement} place @param {HTMLElement} child */
function fillOnce(place, child) {
  if (place.firstElementChild !== child) fill(place, child);
}

/** @param {Way} way */
function countText(way) {
  const { rows, counting } = way;
  if (rows !== null) return `${counted(rows, "row")}${countedText(way)}`;
  return counting.rows ? "counting the rows…" : "how many rows is not known";
}

/** Why none is shown, and what to do next. @param {Way | null} way */
function noRows(way) {
  const messages = way?.parts.find(({ name }) => name === "broker")?.passed ?? null;
  const stream = way?.parts.find(({ name }) => name === "stream");
  const rows = way?.rows ?? 0;
  if (messages === 0) {
    const table = rows === 0 ? "The table is empty" : `The table has ${counted(rows, "row")}`;
    return empty(
      `${table}, and the topic has no messages. Publish some:`,
      "userpipe ingest --count 100",
      "userpipe up",
    );
  }
  if (stream?.state === "fine") {
    return empty("The topic has messages, and a process carries them: their rows come here by themselves.");
  }
  return empty(
    "The topic has messages, and none of the newest is in the table. Carry them into it:",
    "userpipe stream",
    "userpipe up",
  );
}

/** @param {string[]} columns */
function rowsGrid(columns) {
  return grid({
    caption: "Rows of the newest messages",
    key: (/** @type {NewestRow} */ { partition, offset }) => `${partition}/${offset}`,
    columns: [
      ...columns.map((name, i) => ({
        name,
        as: /** @type {"code" | "text"} */ (i === 0 ? "code" : "text"),
        cell: (/** @type {NewestRow} */ { values }) => cellOf(values[i] ?? null, i === 0),
      })),
      {
        name: "message",
        as: "code",
        cell: ({ partition, offset }) => el("a", { href: `#/topic/${partition}/${offset}` }, `${partition}/${offset}`),
      },
    ],
  });
}

/** @param {string | null} value @param {boolean} isId */
function cellOf(value, isId) {
  if (value === null) return el("i", {}, "null");
  return isId ? el("a", { href: `#/table/${encodeURIComponent(value)}`, title: value }, value.slice(0, 8)) : value;
}
