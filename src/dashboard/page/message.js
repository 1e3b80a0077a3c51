/** One message whole, in the panel: where it is, its headers, what it holds, and its value as it is. */
import { get } from "./api.js";
import { el } from "./dom.js";
import { bytes, exactClock, iso, pretty } from "./format.js";
import { grid } from "./grid.js";
import { facts, openPanel, verbatim } from "./panel.js";

/** @typedef {import("./types.ts").Message} Message */

/** @param {string} partition @param {string} offset */
export function openMessage(partition, offset) {
  const path = `/api/messages/${encodeURIComponent(partition)}/${encodeURIComponent(offset)}`;
  const load = async () => contentOf(await get(path));
  openPanel(`Message ${partition}/${offset}`, "#/topic", load);
}

/** @param {Message} message @returns {Node[]} */
function contentOf({ partition, offset, timestamp, key, bytes: size, value, headers, schemaId, event, why }) {
  const id = event === undefined ? undefined : Object.values(event)[0];
  const nodes = [
    why !== undefined && el("div", { class: "trouble" }, el("strong", {}, "It is refused"), el("p", {}, why)),
    facts([
      ["Partition, offset", el("code", {}, `${partition}, ${offset}`)],
      ["Published", el("time", { datetime: iso(timestamp), title: iso(timestamp) }, exactClock(timestamp))],
      ["Key", key === null ? "none" : el("code", {}, key)],
      ["Size of the value", bytes(size)],
      ...(schemaId === undefined ? [] : [/** @type {[string, string]} */ (["Schema", `id ${schemaId}`])]),
      [
        "In the table",
        typeof id === "string" ? el("a", { href: `#/table/${encodeURIComponent(id)}` }, "The row of this id") : null,
      ],
    ]),
    el("h3", {}, "Headers"),
    headers.length === 0 ? el("p", { class: "faint" }, "It has none.") : headersOf(headers),
    event !== undefined && el("h3", {}, "The event"),
    event !== undefined && facts(Object.entries(event).map(([name, field]) => [name, fieldText(field)])),
    el("h3", {}, "The value as it is"),
    verbatim("The value of the message", pretty(value)),
  ];
  return /** @type {Node[]} */ (nodes.filter((node) => node !== false));
}

/** @param {unknown} value */
function fieldText(value) {
  return value === null ? el("i", {}, "null") : String(value);
}

/** @param {[string, string][]} headers */
export function headersOf(headers) {
  const table = grid({
    caption: "Headers",
    key: (/** @type {[string, string]} */ header) => header,
    columns: [
      { name: "Header", as: "code", cell: ([name]) => name },
      { name: "Value", as: "text", cell: ([name, value]) => runLink(name, value) },
    ],
  });
  table.show(headers);
  return table.element;
}

/** @param {string} name @param {string} value */
function runLink(name, value) {
  return name === "userpipe-run" ? el("a", { href: `#/runs/${encodeURIComponent(value)}` }, value) : value;
}
