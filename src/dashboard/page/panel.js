/** The panel beside the page that shows one thing whole: a run, a message, a row, a dead letter. Its address is the page's. */
import { trouble } from "./actions.js";
import { byId, el, fill, keepingFocus, setText } from "./dom.js";

const dialog = /** @type {HTMLDialogElement} */ (byId("panel"));
const title = byId("panel-title");
const body = byId("panel-body");

const said = byId("panel-notice");

/** How what is shown is asked for. @type {(() => Promise<Node[]>) | null} */
let load = null;
/** A slower answer for what was asked before is not taken. */
let turn = 0;
/** What is there, as text. */
let shown = "";
/** The address without what is shown. */
let behind = "";

dialog.addEventListener("close", () => {
  load = null;
  turn++;
  show([]);
  fill(said);
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
 * @param {() => Promise<Node[]>} how a failure stands in its place
 * @returns {Promise<void>}
 */
export async function openPanel(heading, back, how) {
  load = how;
  behind = back;
  setText(title, heading);
  fill(said);
  if (!dialog.open) {
    show([el("p", { class: "faint" }, "Loading…")]);
    dialog.showModal();
  }
  await reloadPanel();
}

/** Asks again for what is shown, and touches nothing where it is the same. */
export async function reloadPanel() {
  if (load === null) return;
  const mine = ++turn;
  const content = await load().catch((error) => [trouble(error)]);
  if (mine === turn) show(content);
}

/** @param {Node[]} content */
function show(content) {
  const text = content.map((node) => node instanceof Element ? node.outerHTML : node.textContent).join("");
  if (text === shown) return;
  shown = text;
  keepingFocus(body, () => fill(body, ...content), title);
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
