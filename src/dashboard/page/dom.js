/** Elements: made, kept up to date and found. Text is set as text and never read as HTML, and steers nothing. */

/** @typedef {Node | string | null | undefined | false} Child */

// deno-lint-ignore no-control-regex
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** What a terminal is spared too: control and direction characters are escaped, but for tabs and line ends. */
function shown(/** @type {string} */ text) {
  return text.replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Attributes that are read by people. */
const SAID = ["title", "aria-label"];

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [props] functions listen to the event that their name ends with (`onclick`), others are
 * attributes: left out where they are null, undefined or false
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  setProps(made, props);
  made.append(...present(children));
  return made;
}

/**
 * @param {string} tag
 * @param {Record<string, unknown>} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  setProps(made, props);
  made.append(...present(children));
  return made;
}

/** @param {Element} element @param {Record<string, unknown>} props */
export function setProps(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    } else if (value === null || value === undefined || value === false) {
      element.removeAttribute(name);
    } else {
      const given = value === true ? "" : String(value);
      const text = SAID.includes(name) ? shown(given) : given;
      if (element.getAttribute(name) !== text) element.setAttribute(name, text);
    }
  }
}

/** @param {Child[]} children @returns {(Node | string)[]} */
function present(children) {
  return children
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => typeof child === "string" ? shown(child) : /** @type {Node} */ (child));
}

/** Leaves alone what says it already: a selection stays, and a screen reader is not told again. */
export function setText(/** @type {Node} */ node, /** @type {string} */ text) {
  const safe = shown(text);
  if (node.textContent !== safe) node.textContent = safe;
}

/** @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/**
 * Makes what is in `parent` anew; what had the focus there, or the same made again, has it then.
 * @param {Element} parent @param {() => void} make @param {Element | null} [otherwise] has it where nothing there can
 */
export function keepingFocus(parent, make, otherwise = null) {
  const before = parent.contains(document.activeElement) ? document.activeElement : null;
  make();
  if (before === null || before.isConnected) return;
  const same = [...parent.querySelectorAll(before.tagName)].find((element) => nameOf(element) === nameOf(before));
  focusOn(same ?? parent.querySelector("a, button") ?? otherwise);
}

/** A heading, which the tab key does not come to, too. @param {Element | null} element */
export function focusOn(element) {
  if (!(element instanceof HTMLElement)) return;
  if (element.tabIndex < 0) element.tabIndex = -1;
  element.focus();
}

/** By what a person knows it. @param {Element} element */
function nameOf(element) {
  return element.getAttribute("aria-label") ?? element.textContent;
}

/** @type {WeakMap<Element, Map<unknown, Element>>} */
const keptOf = new WeakMap();

/**
 * Makes the children of `parent` follow a list, in its order. A child whose key stays is kept, with the focus in it.
 * @template T
 * @template {Element} E
 * @param {Element} parent holds nothing else
 * @param {readonly T[]} items
 * @param {{ key: (item: T) => unknown, make: (item: T) => E, update?: (element: E, item: T) => void }} how
 */
export function follow(parent, items, { key, make, update }) {
  const before = /** @type {Map<unknown, E>} */ (keptOf.get(parent) ?? new Map());
  /** @type {Map<unknown, E>} */
  const now = new Map();
  for (const item of items) {
    const element = before.get(key(item)) ?? make(item);
    update?.(element, item);
    now.set(key(item), element);
  }
  for (const [kept, element] of before) if (!now.has(kept)) element.remove();
  let index = 0;
  for (const element of now.values()) {
    const there = parent.children[index++];
    if (there !== element) parent.insertBefore(element, there ?? null);
  }
  keptOf.set(parent, now);
}

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}`);
  return found;
}

/** A labelled field. @param {string} label @param {HTMLElement} input @param {string} [hint] */
export function field(label, input, hint) {
  return el("label", { class: "field" }, el("span", {}, label), input, hint && el("small", {}, hint));
}

/** What to do where there is nothing: a sentence, and the commands. @param {string} text @param {string[]} commands */
export function empty(text, ...commands) {
  return el(
    "div",
    { class: "empty" },
    el("p", {}, text),
    ...commands.map((command) => el("pre", { class: "command" }, el("code", {}, command))),
  );
}
