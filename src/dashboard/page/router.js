/** Which view is shown. The address says it, and what of it is shown whole: `#/topic/2/1234`. */
import { clearNotice } from "./actions.js";
import { byId, fill, setProps } from "./dom.js";
import { lettersView } from "./letters.js";
import { closePanel } from "./panel.js";
import { runsView } from "./runs.js";
import { streamView } from "./stream.js";
import { tableView } from "./table.js";
import { topicView } from "./topic.js";

/**
 * @typedef {import("./types.ts").Session} Session
 * @typedef {import("./types.ts").Way} Way
 * @typedef {{ session: Session, events: import("./events.js").Events }} Context
 *
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {(path: string[]) => void} open also when only what is behind the view's name has changed
 * @property {() => void} close
 * @property {(way: Way) => void} [onWay]
 * @property {() => void} [onRuns]
 * @property {(messages: import("./types.ts").Message[]) => void} [onMessages]
 */

/** @type {Record<string, (context: Context) => View>} */
const VIEWS = { runs: runsView, stream: streamView, topic: topicView, table: tableView, letters: lettersView };
const FIRST = "runs";

export class Router {
  #context;
  /** Those that were shown. @type {Map<string, View>} */
  #views = new Map();
  #name = "";
  /** @type {Way | null} */
  #way = null;
  /** What is shown. @type {View | null} */
  view = null;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** @param {Way} way */
  onWay(way) {
    this.#way = way;
    this.view?.onWay?.(way);
  }

  /** Shows what the address says. */
  route() {
    const [name = FIRST, ...path] = partsOf(location.hash);
    const make = Object.hasOwn(VIEWS, name) ? VIEWS[name] : undefined;
    if (make === undefined) return location.replace(`#/${FIRST}`);
    const view = this.#views.get(name) ?? make(this.#context);
    this.#views.set(name, view);
    this.#show(name, view, path);
  }

  /** Shows nothing any more. */
  close() {
    this.view?.close();
    this.view = null;
    this.#name = "";
  }

  /** @param {string} name @param {View} view @param {string[]} path */
  #show(name, view, path) {
    if (path.length === 0) closePanel();
    if (name !== this.#name) {
      this.view?.close();
      clearNotice();
      fill(byId("view"), view.element);
      for (const link of document.querySelectorAll("#views a")) {
        setProps(link, { "aria-current": link.getAttribute("href") === `#/${name}` ? "page" : null });
      }
    }
    [this.#name, this.view] = [name, view];
    if (this.#way !== null) view.onWay?.(this.#way);
    view.open(path);
  }
}

/** @param {string} hash @returns {string[]} */
function partsOf(hash) {
  const parts = hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  try {
    return parts.map(decodeURIComponent);
  } catch {
    // Not written by the page, and then by nobody who meant it.
    return [];
  }
}
