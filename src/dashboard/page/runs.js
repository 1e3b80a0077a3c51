/** The runs: the last 60 as bars, what goes wrong, what comes next, and the buttons that act on the schedule. */
import { actionButton, clearNotice, holdSchedule, notice, once, trouble, tryAgain } from "./actions.js";
import { get, post } from "./api.js";
import { BARS, Bars, tellRun, tookOf } from "./bars.js";
import { el, empty, field, fill, keepingFocus, setProps, setText } from "./dom.js";
import { clock, counted, grouped, share, shortId, span } from "./format.js";
import { grid, timeCell } from "./grid.js";
import { icon, stateClass } from "./icons.js";
import { reloadPanel } from "./panel.js";
import { openRun } from "./run.js";
import { scheduleText } from "./way.js";

/**
 * @typedef {import("./types.ts").Run} Run
 * @typedef {import("./types.ts").Way} Way
 * @typedef {import("./types.ts").RunStats} RunStats
 */

const STATES = ["queued", "running", "delivered", "to outbox", "failed", "skipped", "missed", "interrupted"];
const KINDS = ["scheduled", "manual", "backfill"];
/** The sums go over every run of a week: asked for no more often, in ms. */
const STATS_MS = 5_000;

/** @param {import("./router.js").Context} context */
export function runsView({ session }) {
  const bars = new Bars();
  const schedule = el("p", { class: "faint", id: "runs-schedule" });
  const lastError = el("div", { id: "last-error" });
  const legend = el("ul", { class: "legend", "aria-label": "States of these runs" });
  const drawn = el("div", { class: "card", hidden: true }, bars.element, legend);
  const nothing = el("div");
  const sums = el("p", { class: "faint" });
  const state = choice("state", STATES);
  const kind = choice("kind", KINDS);
  const count = el("input", { type: "number", min: "1", max: "50000", placeholder: "as usual" });
  const list = runsGrid();
  /** @type {Run[]} */
  let runs = [];
  let open = false;
  let statsAt = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let statsTimer;

  const refresh = async () => {
    const answer = await get("/api/runs", { limit: BARS });
    runs = answer.runs;
    draw();
    const filtered = state.value !== "" || kind.value !== "";
    const shown = filtered
      ? (await get("/api/runs", { limit: BARS, state: state.value, kind: kind.value })).runs
      : runs;
    list.show(shown);
    fill(nothing, ...(shown.length > 0 ? [] : [noRuns(filtered)]));
    clearTimeout(statsTimer);
    if (open) statsTimer = setTimeout(sumUp, statsAt + STATS_MS - Date.now());
  };
  const sumUp = async () => {
    statsAt = Date.now();
    try {
      setText(sums, sumsText(await get("/api/stats")));
    } catch (error) {
      fill(nothing, trouble(error));
    }
  };
  const draw = () => {
    drawn.hidden = runs.length === 0;
    bars.show(runs);
    drawLegend(legend, runs);
  };
  const load = () => refresh().catch((error) => fill(nothing, trouble(error)));
  state.addEventListener("change", load);
  kind.addEventListener("change", load);

  const runNow = el(
    "form",
    {
      class: "act",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        once(runNow, async () => {
          const { id } = await post("/api/runs/trigger", count.value === "" ? {} : { count: Number(count.value) });
          notice(`Run ${shortId(id)} is asked for.`, "It begins as soon as the process of the schedule takes it.");
          await refresh();
        });
      },
    },
    el("button", { class: "main", id: "run-now" }, "Run now"),
    field("Records", count),
  );
  const hold = actionButton("Pause", async () => {
    const paused = hold.dataset.paused === "yes";
    await holdSchedule(!paused);
    showHold(!paused);
  }, { id: "pause" });
  const showHold = (/** @type {boolean} */ paused) => {
    hold.dataset.paused = paused ? "yes" : "no";
    setText(hold, paused ? "Resume" : "Pause");
    setProps(hold, { "aria-label": paused ? "Resume the schedule" : "Pause the schedule" });
  };

  const element = el(
    "section",
    { "aria-labelledby": "runs-title" },
    el(
      "div",
      { class: "view-head" },
      el("div", {}, el("h2", { id: "runs-title" }, "Runs"), schedule),
      !session.readOnly && el("div", { class: "buttons" }, hold, runNow),
    ),
    lastError,
    drawn,
    sums,
    el("div", { class: "filters" }, field("State", state), field("Kind", kind)),
    list.element,
    nothing,
  );
  return {
    element,
    /** @param {string[]} path */
    open([id]) {
      open = true;
      statsAt = 0;
      load();
      if (id !== undefined) openRun(id, { readOnly: session.readOnly, refresh: load });
    },
    close() {
      open = false;
      clearTimeout(statsTimer);
      clearNotice();
    },
    /** @param {Way} way */
    onWay(way) {
      setText(schedule, headText(way));
      for (const button of [hold, runNow]) setProps(button, { hidden: way.schedule === null });
      if (way.schedule !== null) showHold(way.schedule.pausedAt !== null);
      showLastError(lastError, way.lastError, session.readOnly);
      if (runs.some((run) => run.state === "running" || run.state === "queued")) draw();
    },
    onRuns() {
      if (!open) return;
      load();
      reloadPanel();
    },
  };
}

/** @param {Way} way */
function headText({ schedule }) {
  const text = scheduleText(schedule);
  if (schedule === null) return `${text}: userpipe ingest --every 1m makes one`;
  if (!schedule.led) return `${text}. Start one: ${schedule.start}`;
  const after = schedule.pausedAt === null ? schedule.next.slice(0, 3).map(clock) : [];
  return after.length === 0 ? text : `${text}. Next at ${after.join(", ")}`;
}

/** In sight until a later run went well. @param {HTMLElement} place @param {Way["lastError"]} last @param {boolean} readOnly */
function showLastError(place, last, readOnly) {
  const said = last === null ? "" : JSON.stringify(last);
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  keepingFocus(place, () => fill(place, last !== null && errorBox(last, readOnly)), document.querySelector("#view h2"));
}

/** @param {NonNullable<Way["lastError"]>} last @param {boolean} readOnly */
function errorBox({ run, error, at }, readOnly) {
  return el(
    "div",
    { class: "trouble" },
    el("strong", {}, "Last error, ", timeCell(at)),
    el("p", {}, error),
    el(
      "div",
      { class: "buttons" },
      el("a", { href: `#/runs/${run}` }, `Run ${shortId(run)} with its log`),
      !readOnly && actionButton("Try again", () => tryAgain(run)),
    ),
  );
}

/** @param {HTMLElement} legend @param {readonly Run[]} runs */
function drawLegend(legend, runs) {
  const there = STATES.map((state) => ({ state, n: runs.filter((run) => run.state === state).length }));
  fill(
    legend,
    ...there.filter(({ n }) => n > 0).map(({ state, n }) =>
      el("li", { class: stateClass(state) }, el("span", { class: "swatch" }, icon(state)), `${state} ${n}`)
    ),
    runs.length > 0 &&
      el("li", {}, el("span", { class: "swatch waits-swatch" }), "waiting, before it began or to be tried again"),
  );
}

/** @param {RunStats} stats */
function sumsText({ runs, made, delivered, p50Ms, p95Ms, published, refused }) {
  if (runs === 0) return "";
  const parts = [
    counted(runs, "run"),
    delivered === null ? "" : `${share(delivered)} of the ${grouped(made)} made delivered`,
    p50Ms === null ? "" : `took ${span(p50Ms)} (p50), ${span(p95Ms)} (p95)`,
    `${counted(published, "record")} published`,
    `${grouped(refused)} refused`,
  ];
  return `The last 7 days: ${parts.filter((part) => part !== "").join(", ")}`;
}

/** @param {string} name @param {string[]} values */
function choice(name, values) {
  const all = el("option", { value: "" }, "all");
  return el("select", { name }, all, ...values.map((value) => el("option", { value }, value)));
}

/** @param {boolean} filtered */
function noRuns(filtered) {
  if (filtered) return empty("No run on record is of this state and kind.");
  return empty(
    "No run is on record yet. Start a schedule, or make one run by itself:",
    "userpipe up --every 1m",
    "userpipe ingest --count 100",
  );
}

function runsGrid() {
  const n = (/** @type {Run} */ run, /** @type {number} */ value) => run.attempts === 0 ? "" : grouped(value);
  return grid({
    caption: "Runs, newest first",
    key: (/** @type {Run} */ { id }) => id,
    rowClass: ({ state }) => stateClass(state),
    columns: [
      {
        name: "Run",
        as: "code",
        cell: (run) => el("a", { href: `#/runs/${run.id}`, title: tellRun(run) }, shortId(run.id)),
      },
      { name: "State", cell: ({ state }) => el("span", { class: "state" }, icon(state), state) },
      { name: "Time", cell: (run) => timeCell(run.queuedAt) },
      { name: "Kind", as: "wide", cell: ({ kind, page }) => kind === "backfill" ? `${kind}, page ${page}` : kind },
      { name: "Took", as: "number", cell: (run) => run.endedAt === null ? "" : span(tookOf(run).worked) },
      { name: "Tries", as: "number", cell: (run) => n(run, run.attempts) },
      { name: "Fetched", as: "number", cell: (run) => n(run, run.fetched) },
      { name: "Published", as: "number", cell: (run) => n(run, run.published) },
      { name: "Outbox", as: "number", cell: (run) => n(run, run.outbox) },
      { name: "Refused", as: "number", cell: (run) => n(run, run.refused) },
      { name: "Error", as: "text", cell: ({ error }) => error ?? "" },
    ],
  });
}
