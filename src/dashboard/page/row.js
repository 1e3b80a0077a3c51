/** One row whole, in the panel, with the way that it came: run, message, table. */
import { get } from "./api.js";
import { el } from "./dom.js";
import { exactClock, iso, shortId, span } from "./format.js";
import { facts, openPanel } from "./panel.js";

/** @typedef {import("./types.ts").TableRow} TableRow */

/** @param {string} id */
export function openRow(id) {
  const load = async () => contentOf(await get(`/api/table/row/${encodeURIComponent(id)}`));
  openPanel(`Row ${shortId(id)}`, "#/table", load);
}

/** @param {TableRow} found @returns {Node[]} */
function contentOf({ row, writeTime, message }) {
  return [
    el("h3", {}, "The way it came"),
    el("ol", { class: "path" }, ...stepsOf(writeTime, message).map((step) => el("li", {}, ...step))),
    el("h3", {}, "Its columns"),
    facts(Object.entries(row).map(([name, value]) => [name, value ?? el("i", {}, "null")])),
  ];
}

/** @param {number | null} writeTime in µs @param {TableRow["message"]} message @returns {(Node | string)[][]} */
function stepsOf(writeTime, message) {
  const published = writeTime === null ? null : Math.floor(writeTime / 1000);
  const steps = [];
  if (message?.run !== undefined) {
    const run = el("a", { href: `#/runs/${encodeURIComponent(message.run)}` }, `run ${shortId(message.run)}`);
    steps.push(["Fetched by ", run, ...(message.fetched === undefined ? [] : [" at ", timeOf(message.fetched)])]);
  }
  if (message === null) {
    steps.push(["Its message is no longer on the topic"]);
  } else {
    const { partition, offset, fetched } = message;
    const place = el("a", { href: `#/topic/${partition}/${offset}` }, `partition ${partition}, offset ${offset}`);
    const after = fetched === undefined || published === null
      ? ""
      : `, ${span(Math.max(0, published - fetched))} later`;
    steps.push(["Published to ", place, ...(published === null ? [] : [" at ", timeOf(published), after])]);
  }
  steps.push(["In the table, write time ", ...(writeTime === null ? ["not known"] : writeTimeOf(writeTime))]);
  return steps;
}

/** As a time of the clock, with the raw figure by which copies are told apart. @param {number} us in µs */
function writeTimeOf(us) {
  const raw = `${us} µs`;
  const ms = Math.floor(us / 1000);
  return [
    el("time", { datetime: iso(ms), title: raw }, exactClock(ms)),
    el("br"),
    el(
      "span",
      { class: "faint" },
      el("code", {}, raw),
      " since 1970: the record's time in ms × 1000 + its offset mod 1000",
    ),
  ];
}

/** @param {number} ms */
function timeOf(ms) {
  return el("time", { datetime: iso(ms), title: iso(ms) }, exactClock(ms));
}
