/**
 * The server's events: kept open while the page is seen, opened again with growing waits where they end, and silence taken for
 * an end.
 */

/** Nothing for so long is no connection, in ms: the way comes once a second. */
const SILENCE_MS = 5_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;

/**
 * @typedef {object} Listener
 * @property {(name: "way" | "runs" | "messages", data: any) => void} onEvent
 * @property {(back: boolean) => void} onLive the events come; `back` where they had stopped, or nobody saw the page
 * @property {(since: number, waitMs: number) => void} onAway they stopped, and are asked for again after so long
 */

export class Events {
  #listener;
  /** @type {EventSource | null} */
  #source = null;
  #withMessages = false;
  #tries = 0;
  #wanted = false;
  /** Whether the page was out of sight since the last event. */
  #unseen = false;
  /** When the events stopped, in ms; null while they come. @type {number | null} */
  #awaySince = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  open() {
    this.#wanted = true;
    this.#seen();
  }

  close() {
    this.#wanted = false;
    this.#end();
  }

  /** A browser has six connections to a server over HTTP/1.1: tabs that nobody sees would use them up. */
  #seen() {
    this.#end();
    if (document.visibilityState === "hidden") this.#unseen = true;
    else if (this.#wanted) this.#connect();
  }

  #connect() {
    const source = new EventSource(this.#withMessages ? "/api/events?messages=1" : "/api/events");
    this.#source = source;
    for (const name of /** @type {const} */ (["way", "runs", "messages"])) {
      source.addEventListener(name, (event) => this.#heard(name, event.data));
    }
    source.addEventListener("error", () => this.#lost());
    this.#watch();
  }

  #end() {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** Whether the topic's new messages are among the events. @param {boolean} wanted */
  messages(wanted) {
    if (this.#withMessages === wanted) return;
    this.#withMessages = wanted;
    if (this.#source !== null) this.open();
  }

  /** @param {"way" | "runs" | "messages"} name @param {string} data */
  #heard(name, data) {
    this.#watch();
    this.#tries = 0;
    if (this.#awaySince !== null || this.#unseen || name === "way") this.#live();
    this.#listener.onEvent(name, JSON.parse(data));
  }

  #live() {
    const back = this.#awaySince !== null || this.#unseen;
    this.#awaySince = null;
    this.#unseen = false;
    this.#listener.onLive(back);
  }

  #watch() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(), SILENCE_MS);
  }

  #lost() {
    this.#end();
    this.#awaySince ??= Date.now();
    const grown = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#tries++);
    // Many pages are not to come back in the same instant.
    const waitMs = grown * (0.75 + Math.random() / 2);
    this.#timer = setTimeout(() => this.open(), waitMs);
    this.#listener.onAway(this.#awaySince, waitMs);
  }
}
