/** The way of a record, always on top: the five parts with their state, rate and what waits, and how fresh a record is. */
import { actionButton, announce, holdSchedule } from "./actions.js";
import { byId, el, fill, follow, keepingFocus, setProps, setText, svg } from "./dom.js";
import { clock, grouped, short, span, wholeSpan } from "./format.js";
import { icon, stateClass } from "./icons.js";

/**
 * @typedef {import("./types.ts").Way} Way
 * @typedef {import("./types.ts").WayPart} Part
 * @typedef {import("./types.ts").Quantiles} Quantiles
 */

const NAMES = { source: "Source", ingest: "Ingest", broker: "Broker", stream: "Stream", store: "Store" };
/** Where more is shown of a part. */
const VIEWS = { source: "runs", ingest: "runs", broker: "topic", stream: "stream", store: "table" };
/** What `passed` counts: of those that work it is since their processes began. */
const DID = {
  source: "fetched since start",
  ingest: "published since start",
  broker: "on the topic",
  stream: "carried since start",
  store: "in the table",
};
/** Rates that a part's line shows, one a second. */
const SEEN = 60;

/** @type {Map<string, number[]>} */
const rates = new Map();
/** @type {Map<string, string>} */
const states = new Map();
/** By how much the server's clock is ahead of the browser's, in ms. */
let ahead = 0;
/** @type {Way | null} */
let newest = null;
let readOnly = false;

/** The time on the server's clock, in ms. */
export function serverNow() {
  return Date.now() + ahead;
}

/** @param {{ readOnly: boolean }} session */
export function beginWay(session) {
  readOnly = session.readOnly;
}

/** @param {Way} way */
export function showWay(way) {
  newest = way;
  ahead = way.at - Date.now();
  follow(byId("way"), way.parts, { key: ({ name }) => name, make: makePart, update: updatePart });
  showFacts(way);
  sayChanges(way);
  const worst = way.parts.find(({ state }) => state === "down");
  document.title = worst === undefined ? "userpipe" : `${NAMES[worst.name]} is down · userpipe`;
}

/** What goes by between two events. */
export function tickWay() {
  if (newest !== null) setText(byId("next-run"), nextText(newest.schedule));
}

/** @param {Part} part */
function makePart({ name }) {
  const link = el("a", { href: `#/${VIEWS[name]}` }, NAMES[name]);
  return el(
    "li",
    { class: "part", id: `part-${name}` },
    el("div", { class: "part-head" }, el("h3", {}, link), el("span", { class: "state" })),
    el("p", { class: "part-title" }),
    el("p", { class: "part-rate" }, el("b", { class: "rate" }), el("span", {}, " records/s"), spark()),
    el("p", { class: "passed" }),
    el("p", { class: "waits" }),
    el("p", { class: "why" }),
    el("div", { class: "part-act" }),
  );
}

/** @param {Element} item @param {Part} part */
function updatePart(item, part) {
  const { name, title, state, why, hint, rate, passed, waits } = part;
  const at = (/** @type {string} */ which) => /** @type {HTMLElement} */ (item.querySelector(`.${which}`));
  setProps(item, { class: `part ${stateClass(state)}${rate ? " flows" : ""}` });
  if (at("state").dataset.state !== state) {
    at("state").dataset.state = state;
    fill(at("state"), icon(state), state);
  }
  setText(at("part-title"), title);
  setProps(at("part-title"), { title });
  setText(at("rate"), short(rate));
  const isCounted = name === "store" && newest?.counting.rows === true;
  const old = name === "store" && newest !== null ? countedText(newest) : "";
  setText(at("passed"), isCounted ? COUNTING : passed === null ? "" : `${grouped(passed)} ${DID[name]}${old}`);
  setText(
    at("waits"),
    waits.filter(({ count }) => count > 0).map((wait) => `${wait.what}: ${grouped(wait.count)}`).join(", "),
  );
  setText(at("why"), [why, hint].filter(Boolean).join(". "));
  showAct(at("part-act"), actOf(part));
  drawSpark(/** @type {SVGElement} */ (item.querySelector(".spark")), seen(name, rate));
}

/** What can be done about a part where it stands: the address of the run to look at, or `resume`. @param {Part} part */
function actOf({ name, why }) {
  if (newest === null) return "";
  const { schedule, lastError } = newest;
  if (name === "ingest" && typeof schedule?.pausedAt === "number") return readOnly ? "" : "resume";
  const isOfRun = (name === "source" || name === "ingest") && lastError !== null && lastError.error === why;
  return isOfRun ? `#/runs/${lastError.run}` : "";
}

/** Made anew only where it is another, so that the focus stays. @param {HTMLElement} place @param {string} act */
function showAct(place, act) {
  if ((place.dataset.act ?? "") === act) return;
  place.dataset.act = act;
  const made = act === "resume"
    ? actionButton("Resume", () => holdSchedule(false), { "aria-label": "Resume ingest" })
    : act !== "" && el("a", { href: act }, "See that run");
  keepingFocus(place, () => fill(place, made), place.parentElement?.querySelector("a"));
}

/** @param {string} name @param {number | null} rate */
function seen(name, rate) {
  const before = rates.get(name) ?? [];
  const now = [...before, rate ?? 0].slice(-SEEN);
  rates.set(name, now);
  return now;
}

function spark() {
  const line = svg("polyline", { points: "", "vector-effect": "non-scaling-stroke" });
  return svg("svg", { class: "spark", viewBox: "0 0 60 16", preserveAspectRatio: "none", "aria-hidden": "true" }, line);
}

/** The newest at the right end. @param {SVGElement} drawing @param {number[]} values */
function drawSpark(drawing, values) {
  const most = Math.max(1, ...values);
  const points = values.map((value, i) => `${SEEN - values.length + i + 1},${(15 - (value / most) * 14).toFixed(1)}`);
  setProps(/** @type {Element} */ (drawing.firstElementChild), { points: points.join(" ") });
}

const COUNTING = "counting…";

/** @param {Way} way */
function showFacts(way) {
  const { freshness, counting, rows, lag, outbox, deadLetters, schedule } = way;
  setText(byId("fresh-published"), quantileText(freshness.fetchedToPublished));
  setText(byId("fresh-table"), quantileText(freshness.publishedToTable));
  setText(byId("count-rows"), counting.rows ? COUNTING : `${grouped(rows)}${countedText(way)}`);
  setText(byId("count-lag"), grouped(lag));
  setText(byId("count-outbox"), outbox === null ? "none" : grouped(outbox));
  setText(byId("count-letters"), counting.deadLetters ? COUNTING : grouped(deadLetters));
  byId("count-letters").classList.toggle("some", (deadLetters ?? 0) > 0);
  setText(byId("next-run"), nextText(schedule));
  setText(byId("schedule"), schedule?.pausedAt === null ? schedule.text : scheduleText(schedule));
}

/** When the rows were counted, where it is not just now. @param {Way} way */
export function countedText({ rowsCountedAt }) {
  return rowsCountedAt === null ? "" : `, counted at ${clock(rowsCountedAt)}`;
}

/** @param {Quantiles} of */
function quantileText({ p50, p99 }) {
  return p50 === null ? "–" : `${span(p50)} · ${span(p99)}`;
}

/** @param {Way["schedule"]} schedule */
function nextText(schedule) {
  if (schedule === null) return "none";
  if (schedule.pausedAt !== null) return "paused";
  if (!schedule.led) return "no process runs it";
  const next = schedule.next.find((time) => time > serverNow()) ?? schedule.next.at(-1);
  if (next === undefined) return "never";
  return next <= serverNow() ? "now" : `in ${wholeSpan(next - serverNow())}`;
}

/** @param {Way["schedule"]} schedule */
export function scheduleText(schedule) {
  if (schedule === null) return "no schedule on record";
  const { text, pausedAt, led } = schedule;
  if (pausedAt !== null) return `${text}, paused since ${clock(pausedAt)}${led ? "" : ", and no process runs it"}`;
  return led ? text : `${text}, but no process runs it`;
}

/** A screen reader is told of a state that changed, not of figures. @param {Way} way */
function sayChanges({ parts }) {
  const changed = parts.filter(({ name, state }) => states.has(name) && states.get(name) !== state);
  for (const { name, state } of parts) states.set(name, state);
  if (changed.length > 0) {
    announce(changed.map(({ name, state, why }) => `${NAMES[name]}: ${state}${why ? `, ${why}` : ""}`).join(". "));
  }
}

/** Who reports, for the page's head. @param {Way} way */
export function processesText({ processes }) {
  if (processes.length === 0) return "no process reports";
  const [first] = processes;
  if (processes.length === 1 && first) return `${first.command} on ${first.host}, process ${first.pid}`;
  return `${processes.length} processes`;
}
