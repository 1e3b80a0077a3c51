/** What buttons do: one thing at a time, a question before what cannot be undone, and a line that says how it went. */
import { ApiError, post } from "./api.js";
import { byId, el, fill, focusOn } from "./dom.js";
import { shortId } from "./format.js";

/** Says to a screen reader what has changed; nothing is seen of it. @param {string} text */
export function announce(text) {
  const region = byId("announcer");
  if (region.textContent !== text) region.textContent = text;
}

/**
 * A line above the view, until it is closed or another comes.
 * @param {string} text @param {string} [hint] @param {string[]} [list] what it is about, one under the other
 */
export function notice(text, hint, list = []) {
  announce([text, ...list, hint].filter(Boolean).join(" "));
  show("status", text, hint, list);
}

/** @param {unknown} error */
export function failure(error) {
  show("alert", ...wordsOf(error));
}

export function clearNotice() {
  for (const place of PLACES) fill(byId(place));
}

/** Where it is seen: what is behind an open panel is not. */
const PLACES = ["notice", "panel-notice"];

function isPanelOpen() {
  return /** @type {HTMLDialogElement} */ (byId("panel")).open;
}

/** What went wrong and what to do. @param {unknown} error @returns {[string, string]} */
export function wordsOf(error) {
  if (error instanceof ApiError) return [error.message, error.hint];
  return [error instanceof Error ? error.message : String(error), ""];
}

/** An error in the place of what it hides. @param {unknown} error */
export function trouble(error) {
  const [text, hint] = wordsOf(error);
  return el("div", { class: "trouble", role: "alert" }, el("strong", {}, text), hint && el("p", {}, hint));
}

/** @param {"status" | "alert"} role @param {string} text @param {string} [hint] @param {string[]} [list] */
function show(role, text, hint, list = []) {
  clearNotice();
  const close = actionButton("Close", async () => clearNotice(), { class: "quiet" });
  const lines = list.length > 0 && el("ul", {}, ...list.map((line) => el("li", {}, line)));
  fill(
    byId(isPanelOpen() ? "panel-notice" : "notice"),
    el(
      "div",
      { class: `notice ${role}` },
      el(
        "div",
        { role: role === "alert" && role },
        el("strong", {}, text),
        lines,
        hint ? lines ? el("p", {}, hint) : ` ${hint}` : null,
      ),
      close,
    ),
  );
}

/** The schedule is held, or goes on. @param {boolean} paused */
export async function holdSchedule(paused) {
  await post(paused ? "/api/schedule/pause" : "/api/schedule/resume");
  if (paused) notice("The schedule is paused.", "Run now makes runs all the same.");
  else notice("The schedule goes on.");
}

/** @param {string} run its id */
export async function tryAgain(run) {
  await post(`/api/runs/${encodeURIComponent(run)}/retry`);
  notice(`Run ${shortId(run)} is asked for once more.`, "The same seed and page, as its next attempt.");
}

/**
 * A button whose second press waits for the end of the first.
 * @param {string} label
 * @param {() => Promise<unknown>} work a failure is shown
 * @param {Record<string, unknown>} [props]
 */
export function actionButton(label, work, props = {}) {
  const button = el("button", { type: "button", ...props, onclick: () => once(button, work) }, label);
  return button;
}

/** @param {HTMLElement} element marked busy meanwhile @param {() => Promise<unknown>} work */
export async function once(element, work) {
  if (element.getAttribute("aria-busy") === "true") return;
  const focused = element.contains(document.activeElement);
  element.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    failure(error);
  } finally {
    element.removeAttribute("aria-busy");
    if (focused) keepFocus(element);
  }
}

/** Where what was pressed is gone, so would be the place of whoever uses the keyboard: the heading has it. @param {HTMLElement} pressed */
function keepFocus(pressed) {
  const isElsewhere = document.activeElement !== document.body && !pressed.contains(document.activeElement);
  if (isElsewhere || (pressed.isConnected && pressed.checkVisibility())) return;
  focusOn(isPanelOpen() ? byId("panel-title") : document.querySelector("#view h2"));
}

/** Their answer is no. */
export function closeQuestions() {
  for (const dialog of document.querySelectorAll("dialog.ask")) /** @type {HTMLDialogElement} */ (dialog).close();
}

/**
 * A question before something is done.
 * @param {string} title
 * @param {string[]} lines
 * @param {string} yes what the button says
 * @returns {Promise<boolean>}
 */
export function ask(title, lines, yes) {
  const { promise, resolve } = Promise.withResolvers();
  const dialog = el(
    "dialog",
    { class: "ask", "aria-labelledby": "ask-title" },
    el(
      "form",
      { method: "dialog" },
      el("h2", { id: "ask-title" }, title),
      ...lines.map((line) => el("p", {}, line)),
      el(
        "div",
        { class: "buttons" },
        el("button", { value: "no", autofocus: true }, "Cancel"),
        el("button", { value: "yes", class: "main" }, yes),
      ),
    ),
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    resolve(dialog.returnValue === "yes");
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}
