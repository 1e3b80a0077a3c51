/** Which view is shown. The address says it, and what of it is shown whole: `#/topic/2/1234`. */
import { clearNotice, trouble } from "./actions.js";
import { byId, fill, setProps } from "./dom.js";
import { closePanel } from "./panel.js";

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

/** @type {Record<string, (context: Context) => Promise<View>>} */
const VIEWS = {
  runs: async (context) => (await import("./runs.js")).runsView(context),
  stream: async () => (await import("./stream.js")).streamView(),
  topic: async (context) => (await import("./topic.js")).topicView(context),
  table: async () => (await import("./table.js")).tableView(),
  letters: async (context) => (await import("./letters.js")).lettersView(context),
};
const FIRST = "runs";
/** The first view is not held up by loading the others, which are then there when the server is not. */
const OTHERS_MS = 1_000;

export class Router {
  #context;
  /** @type {Map<string, Promise<View>>} */
  #views = new Map();
  #others;
  /** What is wanted last: a view that is loaded later than the next is not shown. */
  #wanted = "";
  #name = "";
  /** @type {Way | null} */
  #way = null;
  /** What is shown. @type {View | null} */
  view = null;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.#others = setTimeout(() => Object.keys(VIEWS).forEach((name) => this.#load(name)?.catch(() => {})), OTHERS_MS);
  }

  /** @param {Way} way */
  onWay(way) {
    this.#way = way;
    this.view?.onWay?.(way);
  }

  /** Shows what the address says. */
  async route() {
    const [name = FIRST, ...path] = partsOf(location.hash);
    const loading = this.#load(name);
    if (loading === undefined) return location.replace(`#/${FIRST}`);
    this.#wanted = location.hash;
    try {
      const view = await loading;
      if (this.#wanted === location.hash) this.#show(name, view, path);
    } catch (error) {
      this.close();
      fill(byId("view"), trouble(error));
    }
  }

  /** Shows nothing any more. */
  close() {
    clearTimeout(this.#others);
    this.view?.close();
    this.view = null;
    this.#wanted = this.#name = "";
  }

  /** @param {string} name */
  #load(name) {
    const load = VIEWS[name];
    const known = this.#views.get(name);
    if (load === undefined || known !== undefined) return known;
    const loading = load(this.#context);
    this.#views.set(name, loading);
    loading.catch(() => this.#views.delete(name));
    return loading;
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
