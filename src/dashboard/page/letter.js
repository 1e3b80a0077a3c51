/** One dead letter whole, in the panel: why it was refused, where it was, its headers and its value. */
import { actionButton } from "./actions.js";
import { get } from "./api.js";
import { el } from "./dom.js";
import { timeCell } from "./grid.js";
import { headersOf } from "./message.js";
import { bytes, pretty } from "./format.js";
import { closePanel, facts, openPanel, verbatim } from "./panel.js";

/** @typedef {import("./types.ts").LetterWhole} LetterWhole */

/**
 * @param {string} offset
 * @param {{ readOnly: boolean, replay: (which: Record<string, unknown>, words: string) => Promise<void> }} how
 */
export function openLetter(offset, { readOnly, replay }) {
  const load = async () => {
    const letter = await get(`/api/dead-letters/${encodeURIComponent(offset)}`);
    const again = actionButton("Replay this one", async () => {
      closePanel();
      await replay({ offset }, "this dead letter");
    }, { class: "main" });
    return contentOf(letter, readOnly ? null : again);
  };
  openPanel(`Dead letter ${offset}`, "#/letters", load);
}

/** @param {LetterWhole} letter @param {HTMLElement | null} again @returns {Node[]} */
function contentOf({ offset, reason, stage, topic, at, refusedAt, cutFrom, key, headers, value }, again) {
  const nodes = [
    el("div", { class: "trouble" }, el("strong", {}, "Why it was refused"), el("p", {}, reason)),
    again && el("div", { class: "buttons" }, again),
    facts([
      ["Offset of the letter", el("code", {}, offset)],
      ["Refused", timeCell(refusedAt)],
      ["Refused by", stage],
      ["Was at", at],
      ["Topic", topic],
      ["Value", cutFrom === null ? null : `only the beginning was kept of ${bytes(cutFrom)}`],
      ["Key", key === null ? "none" : el("code", {}, key)],
    ]),
    el("h3", {}, "Headers"),
    headersOf(headers),
    el("h3", {}, "The value as it was"),
    value === null ? el("p", { class: "faint" }, "It had none.") : verbatim("The value of the record", pretty(value)),
    el("p", { class: "faint" }, "The same in a terminal:"),
    el("pre", { class: "command" }, el("code", {}, `userpipe dead-letters show ${offset}`)),
  ];
  return /** @type {Node[]} */ (nodes.filter((node) => node !== null));
}
