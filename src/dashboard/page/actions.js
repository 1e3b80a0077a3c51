/** What buttons do: one thing at a time, a question before what cannot be undone, and a line that says how it went. */
import { ApiError } from "./api.js";
import { byId, el, fill } from "./dom.js";

/** Says to a screen reader what has changed; nothing is seen of it. @param {string} text */
export function announce(text) {
  const region = byId("announcer");
  if (region.textContent !== text) region.textContent = text;
}

/** A line above the view, until it is closed or another comes. @param {string} text @param {string} [hint] */
export function notice(text, hint) {
  announce(hint ? `${text} ${hint}` : text);
  show("status", text, hint);
}

/** @param {unknown} error */
export function failure(error) {
  show("alert", ...wordsOf(error));
}

export function clearNotice() {
  fill(byId("notice"));
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

/** @param {"status" | "alert"} role @param {string} text @param {string} [hint] */
function show(role, text, hint) {
  const close = el("button", { type: "button", class: "quiet", onclick: clearNotice }, "Close");
  fill(
    byId("notice"),
    el(
      "div",
      { class: `notice ${role}` },
      el("p", { role: role === "alert" && role }, el("strong", {}, text), hint ? ` ${hint}` : null),
      close,
    ),
  );
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
  element.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    failure(error);
  } finally {
    element.removeAttribute("aria-busy");
  }
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
