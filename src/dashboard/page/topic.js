/** The topic: its partitions with the group's position, its newest messages live, and the search for others. */
import { clearNotice, once, trouble } from "./actions.js";
import { get } from "./api.js";
import { el, empty, field, fill, setText } from "./dom.js";
import { bytes, counted, exactClock, grouped, iso } from "./format.js";
import { grid } from "./grid.js";
import { openMessage } from "./message.js";

/**
 * @typedef {import("./types.ts").Message} Message
 * @typedef {import("./types.ts").Topic} Topic
 */

/** Messages in sight. */
const SHOWN = 50;
const PARTITIONS_MS = 3_000;
const UUID = /^\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*$/i;

/** @param {import("./router.js").Context} context */
export function topicView({ events }) {
  const list = messagesGrid();
  const partitions = partitionsGrid();
  const nothing = el("div");
  const away = el("div");
  const title = el("h3", { id: "messages-title", class: "grow" }, "The newest messages");
  const name = el("p", { class: "faint" });
  const partition = el("input", { name: "partition", inputmode: "numeric", pattern: "[0-9]+", size: "6" });
  const offset = el("input", { name: "offset", inputmode: "numeric", pattern: "[0-9]+", size: "12" });
  const key = el("input", { name: "key", size: "36", autocomplete: "off" });
  const at = el("input", { name: "at", type: "datetime-local", step: "1" });
  const later = el("button", { type: "button", hidden: true }, "Later messages");
  const held = el("span", { class: "faint" });
  const live = el("button", { type: "button", "aria-pressed": "true" }, "Live");
  const following = new Following(list, held);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let open = false;
  /** The newest are shown, not what was searched for. */
  let newest = true;
  /** Of what was asked for last: an answer that comes later than the next is not shown. */
  let turn = 0;

  const setLive = (/** @type {boolean} */ on) => {
    live.setAttribute("aria-pressed", String(on));
    following.on = on;
    events.messages(on && open);
  };
  const showNewest = async () => {
    clearNotice();
    newest = true;
    setText(title, "The newest messages");
    later.hidden = true;
    setLive(true);
    const mine = ++turn;
    const { messages } = await get("/api/messages", { limit: SHOWN });
    if (mine !== turn) return;
    following.begin(messages);
    fill(nothing, ...(messages.length > 0 ? [] : [noMessages()]));
  };
  const search = async (/** @type {Record<string, string | number>} */ wanted) => {
    clearNotice();
    const mine = ++turn;
    const { messages, more } = await get("/api/messages", { ...wanted, limit: SHOWN });
    if (mine !== turn) return;
    newest = false;
    setLive(false);
    list.show(messages);
    setText(title, `${counted(messages.length, "message")} found${more ? moreText(wanted) : ""}`);
    setText(held, "");
    fill(
      nothing,
      ...(messages.length > 0
        ? []
        : [empty("The topic has no such message: retention may have removed it, or it is not there yet.")]),
    );
    const last = messages.at(-1);
    later.hidden = !(more && last !== undefined && wanted.partition !== undefined && wanted.key === undefined);
    later.onclick = () => once(later, () => search({ ...wanted, at: "", offset: String(BigInt(last.offset) + 1n) }));
  };
  const form = el(
    "form",
    {
      class: "filters",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const values = Object.fromEntries(new FormData(form));
        const wanted = /** @type {Record<string, string>} */ (Object.fromEntries(
          Object.entries(values).filter(([, value]) => value !== ""),
        ));
        // As it is copied from a terminal.
        if (wanted.key !== undefined && UUID.test(wanted.key)) wanted.key = wanted.key.trim();
        if (wanted.at !== undefined) wanted.at = String(new Date(wanted.at).getTime());
        once(form, () => Object.keys(wanted).length === 0 ? showNewest() : search(wanted));
      },
    },
    field("Partition", partition),
    field("Offset", offset),
    field("Key", key),
    field("From time", at),
    el("button", { class: "main" }, "Find"),
    el("button", { type: "reset", onclick: () => once(form, showNewest) }, "Newest"),
  );
  // An offset alone names no place.
  form.addEventListener("input", () => partition.required = offset.value !== "");
  form.addEventListener("reset", () => partition.required = false);
  live.addEventListener("click", () => {
    const on = live.getAttribute("aria-pressed") !== "true";
    if (on && !newest) once(form, showNewest);
    else setLive(on);
  });

  const refresh = async () => {
    clearTimeout(timer);
    try {
      /** @type {Topic} */
      const topic = await get("/api/topic");
      const records = topic.partitions.reduce((sum, { first, end }) => sum + Number(BigInt(end) - BigInt(first)), 0);
      setText(name, `${topic.name}: ${counted(records, "record")} in ${counted(topic.partitions.length, "partition")}`);
      partitions.show(topic.partitions);
      fill(away);
    } catch (error) {
      fill(away, trouble(error));
    }
    if (open) timer = setTimeout(refresh, PARTITIONS_MS);
  };

  return {
    element: el(
      "section",
      { "aria-labelledby": "topic-title" },
      el("div", { class: "view-head" }, el("div", {}, el("h2", { id: "topic-title" }, "Topic"), name)),
      away,
      form,
      el("div", { class: "list-head" }, title, held, live, later),
      nothing,
      list.element,
      el("h3", {}, "Partitions"),
      partitions.element,
    ),
    /** @param {string[]} path */
    open([of, where]) {
      open = true;
      refresh();
      if (newest) showNewest().catch((error) => fill(nothing, trouble(error)));
      if (of !== undefined && where !== undefined) openMessage(of, where);
    },
    close() {
      open = false;
      clearTimeout(timer);
      events.messages(false);
    },
    /** @param {Message[]} messages */
    onMessages(messages) {
      if (open && newest) {
        fill(nothing);
        following.add(messages);
      }
    },
  };
}

/** The newest messages as they come; held while they are pointed at, so that none moves away under the pointer. */
class Following {
  #list;
  #held;
  /** Newest first. @type {Message[]} */
  #messages = [];
  #waiting = 0;
  on = true;

  /** @param {import("./grid.js").Grid<Message>} list @param {HTMLElement} held says how many wait */
  constructor(list, held) {
    this.#list = list;
    this.#held = held;
    list.element.addEventListener("pointerleave", () => this.#show());
    list.element.addEventListener("focusout", () => setTimeout(() => this.#show()));
  }

  /** @param {Message[]} messages */
  begin(messages) {
    this.#messages = [];
    this.add(messages);
    this.#show(true);
  }

  /** @param {Message[]} messages */
  add(messages) {
    if (!this.on) return;
    const known = new Set(this.#messages.map(placeOf));
    const fresh = messages.filter((message) => !known.has(placeOf(message)));
    this.#waiting += fresh.length;
    this.#messages = [...fresh, ...this.#messages].sort(newestFirst).slice(0, SHOWN);
    this.#show();
  }

  #show(anyway = false) {
    if (!this.on) return;
    const pointedAt = this.#list.element.matches(":hover, :focus-within");
    if (pointedAt && !anyway) {
      return setText(
        this.#held,
        this.#waiting === 0 ? "" : `held while you point at them: ${grouped(this.#waiting)} newer`,
      );
    }
    this.#waiting = 0;
    setText(this.#held, "");
    this.#list.show(this.#messages);
  }
}

/** And how to come to them. @param {Record<string, string | number>} wanted */
function moreText({ partition, key }) {
  if (key !== undefined) {
    return `, and there may be older ones${partition === undefined ? ": name a partition to look further back" : ""}`;
  }
  return `, and there are more${partition === undefined ? ": name a partition to go on in it" : ""}`;
}

/** @param {Message} message */
function placeOf({ partition, offset }) {
  return `${partition}/${offset}`;
}

/** @param {Message} a @param {Message} b */
function newestFirst(a, b) {
  return b.timestamp - a.timestamp || Number(BigInt(b.offset) - BigInt(a.offset));
}

function noMessages() {
  return empty(
    "The topic has no messages. Publish some:",
    "userpipe ingest --count 100",
    "userpipe ingest --generate 1000",
  );
}

function messagesGrid() {
  return grid({
    caption: "Messages of the topic",
    key: placeOf,
    columns: [
      {
        name: "Partition/offset",
        as: "code",
        cell: (message) => el("a", { href: `#/topic/${placeOf(message)}` }, placeOf(message)),
      },
      { name: "Time", cell: ({ timestamp }) => el("time", { datetime: iso(timestamp) }, exactClock(timestamp)) },
      { name: "Key", as: "code", cell: ({ key }) => key ?? el("i", {}, "none") },
      { name: "Size", as: "number", cell: (message) => bytes(message.bytes) },
      {
        name: "Value",
        as: "text",
        cell: ({ value, why }) =>
          why === undefined ? value : el("span", {}, el("b", { class: "bad" }, `${why}: `), value),
      },
    ],
  });
}

function partitionsGrid() {
  return grid({
    caption: "Partitions of the topic",
    key: (/** @type {Topic["partitions"][number]} */ { partition }) => partition,
    columns: [
      { name: "Partition", cell: ({ partition }) => String(partition) },
      { name: "First offset", as: "number", cell: ({ first }) => grouped(first) },
      { name: "End", as: "number", cell: ({ end }) => grouped(end) },
      { name: "Records", as: "number", cell: ({ first, end }) => grouped(String(BigInt(end) - BigInt(first))) },
      {
        name: "The group's position",
        as: "number",
        cell: ({ committed }) => committed === null ? "none" : grouped(committed),
      },
      { name: "Lag (records)", as: "number", cell: ({ lag }) => grouped(lag) },
    ],
  });
}
