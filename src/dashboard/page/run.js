/** One run whole, in the panel: what was asked, each attempt on a line of time, its errors and its log. */
import { actionButton, tryAgain } from "./actions.js";
import { get } from "./api.js";
import { tookOf } from "./bars.js";
import { el } from "./dom.js";
import { bytes, exactClock, grouped, shortId, span } from "./format.js";
import { grid, timeCell } from "./grid.js";
import { icon, stateClass } from "./icons.js";
import { facts, openPanel, reloadPanel } from "./panel.js";

/**
 * @typedef {import("./types.ts").RunDetails} RunDetails
 * @typedef {import("./types.ts").Attempt} Attempt
 */

/** Those that can be asked for again have ended; the pages of a backfill are made by its command. */
const UNDER_WAY = new Set(["queued", "running"]);

/** @param {string} id @param {{ readOnly: boolean, refresh: () => void }} how */
export function openRun(id, { readOnly, refresh }) {
  const load = async () => {
    /** @type {RunDetails} */
    const run = await get(`/api/runs/${encodeURIComponent(id)}`);
    const again = actionButton("Try again", async () => {
      await tryAgain(run.id);
      refresh();
      await reloadPanel();
    }, { class: "main" });
    return contentOf(run, readOnly || UNDER_WAY.has(run.state) || run.kind === "backfill" ? null : again);
  };
  openPanel(`Run ${shortId(id)}`, "#/runs", load);
}

/** @param {RunDetails} run @param {HTMLElement | null} again @returns {Node[]} */
function contentOf(run, again) {
  const nodes = [
    el(
      "div",
      { class: `run-head ${stateClass(run.state)}` },
      el("span", { class: "state" }, icon(run.state), run.state),
      again,
    ),
    run.error !== null && el("div", { class: "trouble" }, el("strong", {}, "Why"), el("p", {}, run.error)),
    facts([
      ["Id", el("code", {}, run.id)],
      ["Kind", run.kind],
      [run.scheduledAt === null ? "Asked for" : "Scheduled", timeCell(run.scheduledAt ?? run.queuedAt)],
      ["Begun", lateText(run)],
      ["Worked, and waited", tookText(run)],
      ["Records", recordsText(run)],
      ["Asked of", askedText(run)],
      ["Address", run.url],
      ["Topic", `${run.target.topic} of the ${run.target.broker} broker`],
    ]),
    run.tries.length > 0 && el("h3", {}, run.tries.length === 1 ? "Its attempt" : "Its attempts"),
    run.tries.length > 0 && timeline(run),
    run.tries.length > 0 && triesOf(run),
    el("h3", {}, "Log"),
    run.log.length === 0 ? el("p", { class: "faint" }, "It wrote no log.") : logOf(run),
    el("p", { class: "faint" }, "The same in a terminal:"),
    el("pre", { class: "command" }, el("code", {}, `userpipe runs show ${shortId(run.id)}`)),
  ];
  return /** @type {Node[]} */ (nodes.filter((node) => node !== false && node !== null));
}

/** @param {RunDetails} run */
function tookText(run) {
  const { waited, worked } = tookOf(run);
  if (worked === null) return "not begun";
  return run.state === "queued" ? "waits for its next attempt" : `${span(worked)}, and ${span(waited)}`;
}

/** How long after its time a scheduled run began. @param {RunDetails} run */
function lateText({ scheduledAt, startedAt }) {
  if (startedAt === null) return null;
  return scheduledAt === null ? exactClock(startedAt) : `${span(Math.max(0, startedAt - scheduledAt))} after its time`;
}

/** @param {RunDetails} run */
function recordsText({ fetched, published, outbox, refused, bytes: read }) {
  return `${grouped(fetched)} fetched (${bytes(read)}), ${grouped(published)} published, ${
    grouped(outbox)
  } in the outbox, ${grouped(refused)} refused`;
}

/** @param {RunDetails} run */
function askedText({ source, seed, page, count, nat }) {
  return [
    source,
    seed && `seed ${seed}`,
    page !== null && page !== 1 && `page ${page}`,
    count !== null && `${grouped(count)} records`,
    nat && `nationalities ${nat}`,
  ].filter(Boolean).join(", ");
}

/** From when it was asked for to its end: between the attempts it waited. @param {RunDetails} run */
function timeline(run) {
  const from = Math.min(run.queuedAt, run.tries[0]?.startedAt ?? Infinity);
  const to = Math.max(from + 1, ...run.tries.map(({ startedAt, endedAt }) => endedAt ?? startedAt));
  const at = (/** @type {number} */ ms) => `${((100 * (ms - from)) / (to - from)).toFixed(2)}%`;
  const marks = run.tries.map(({ number, startedAt, endedAt, error }) => {
    const mark = el(
      "span",
      { class: error === null ? "attempt" : "attempt s-failed", title: `Attempt ${number}` },
      String(number),
    );
    mark.style.setProperty("left", at(startedAt));
    mark.style.setProperty("width", at(from + ((endedAt ?? to) - startedAt)));
    return mark;
  });
  return el(
    "div",
    { class: "timeline", role: "img", "aria-label": `Attempts on a line of ${span(to - from)}` },
    el("div", { class: "line" }, ...marks),
    el("div", { class: "ends faint" }, el("span", {}, exactClock(from)), el("span", {}, `${span(to - from)} later`)),
  );
}

/** @param {RunDetails} run */
function triesOf({ tries, error: last }) {
  const table = grid({
    caption: "Attempts",
    key: (/** @type {Attempt} */ { number }) => number,
    columns: [
      { name: "Try", cell: ({ number }) => String(number) },
      { name: "Started", cell: ({ startedAt }) => timeCell(startedAt) },
      {
        name: "Took",
        as: "number",
        cell: ({ startedAt, endedAt }) => endedAt === null ? "" : span(endedAt - startedAt),
      },
      { name: "Fetched", as: "number", cell: ({ fetched }) => grouped(fetched) },
      { name: "Published", as: "number", cell: ({ published }) => grouped(published) },
      { name: "Refused", as: "number", cell: ({ refused }) => grouped(refused) },
      { name: "Next try", cell: ({ nextAt }) => timeCell(nextAt) },
      { name: "Error", as: "text", cell: ({ error }) => error === null ? "" : error === last ? "as above" : error },
    ],
  });
  table.show(tries);
  return table.element;
}

/** @param {RunDetails} run */
function logOf({ log }) {
  const lines = log.map(({ at, attempt, level, text }) =>
    el(
      "li",
      { class: `log-${level}` },
      el("span", { class: "faint" }, `${exactClock(at)} #${attempt} `),
      el("b", {}, level),
      ` ${text}`,
    )
  );
  return el("ol", { class: "log", tabindex: "0", "aria-label": "Log of the run" }, ...lines);
}
