/** The panel beside the page that shows one thing whole: a run, a message, a row, a dead letter. Its address is the page's. */
import { trouble } from "./actions.js";
import { byId, el, fill, setText } from "./dom.js";

const dialog = /** @type {HTMLDialogElement} */ (byId("panel"));
const title = byId("panel-title");
const body = byId("panel-body");

/** What is shown; a slower answer for what was asked before is not taken. @type {symbol | null} */
let shown = null;
/** The address without what is shown. */
let behind = "";

dialog.addEventListener("close", () => {
  shown = null;
  fill(body);
  // Where the person went on meanwhile, that is where they want to be.
  if (location.hash.startsWith(`${behind}/`)) location.hash = behind;
});
// A click beside the panel is on the dialog itself, one inside is on what it holds.
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});
byId("panel-close").addEventListener("click", () => dialog.close());

/**
 * @param {string} heading
 * @param {string} back the address once it is closed
 * @param {() => Promise<Node[]>} load a failure stands in its place
 * @returns {Promise<void>}
 */
export async function openPanel(heading, back, load) {
  const mine = Symbol();
  shown = mine;
  behind = back;
  setText(title, heading);
  if (!dialog.open) {
    fill(body, el("p", { class: "faint" }, "Loading…"));
    dialog.showModal();
  }
  const content = await load().catch((error) => [trouble(error)]);
  if (shown === mine) fill(body, ...content);
}

export function closePanel() {
  if (dialog.open) dialog.close();
}

/** Names and values, one under the other. @param {[string, Node | string | null | undefined][]} pairs null is left out */
export function facts(pairs) {
  const there = pairs.filter(([, value]) => value !== null && value !== undefined);
  return el(
    "dl",
    { class: "pairs" },
    ...there.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
  );
}

/** Text as it is, in a box that scrolls. @param {string} label for a screen reader @param {string} text */
export function verbatim(label, text) {
  return el("pre", { class: "verbatim", tabindex: "0", role: "region", "aria-label": label }, text);
}
