/** The dead letters that wait: by reason, one by one, and put through again after a question. */
import { actionButton, ask, notice, trouble } from "./actions.js";
import { get, post } from "./api.js";
import { el, empty, fill, setText } from "./dom.js";
import { counted, grouped } from "./format.js";
import { grid, timeCell } from "./grid.js";
import { openLetter } from "./letter.js";

/**
 * @typedef {import("./types.ts").Letters} Letters
 * @typedef {import("./types.ts").Letter} Letter
 * @typedef {import("./types.ts").Reason} Reason
 * @typedef {import("./types.ts").Replayed} Replayed
 * @typedef {import("./types.ts").Way} Way
 */

const SHOWN = 50;
/** Reasons of letters that are refused again. */
const REASONS = 5;

/** @param {import("./router.js").Context} context */
export function lettersView({ session }) {
  const said = el("p", { class: "faint" });
  const nothing = el("div");
  const chosen = el("p", { class: "chosen", hidden: true });
  const all = actionButton(
    "Replay all",
    () =>
      reason === ""
        ? replay({ all: true }, "all dead letters that wait")
        : replay({ reason }, `those of the reason “${reason}”`),
  );
  const list = lettersGrid();
  const found = el("div", {}, el("h3", {}, "Newest first"), chosen, list.element);
  let reason = "";
  /** @type {number | null | undefined} */
  let waiting;
  let open = false;

  const refresh = async () => {
    /** @type {Letters} */
    const { reasons: counts, letters } = await get("/api/dead-letters", { limit: SHOWN });
    if (!counts.some(([each]) => each === reason)) reason = "";
    /** @type {Letters} */
    const picked = reason === ""
      ? { reasons: counts, letters }
      : await get("/api/dead-letters", { reason, limit: SHOWN });
    reasons.show(counts.map(([each, count]) => [each, count, each === reason]));
    list.show(picked.letters);
    const none = letters.length === 0;
    setText(said, none ? "" : `${counted(sumOf(counts), "record")} refused and waiting`);
    setText(all, `Replay all${reason === "" ? "" : " of this reason"} (${grouped(sumOf(picked.reasons))})`);
    fill(nothing, ...(none ? [noLetters()] : []));
    for (const part of [byReason, found]) part.toggleAttribute("hidden", none);
    all.toggleAttribute("hidden", none);
    chosen.toggleAttribute("hidden", reason === "");
    fill(
      chosen,
      "Only those of the reason ",
      el("b", {}, reason),
      " ",
      el("button", { type: "button", onclick: () => choose("") }, "Show all"),
    );
  };
  const load = () => refresh().catch((error) => fill(nothing, trouble(error)));
  const choose = (/** @type {string} */ wanted) => {
    reason = wanted;
    load();
  };
  const replay = async (/** @type {Record<string, unknown>} */ which, /** @type {string} */ words) => {
    if (await replayAsked(which, words)) await refresh();
  };
  const reasons = reasonsGrid(
    choose,
    session.readOnly ? null : (of) => replay({ reason: of }, `those of the reason “${of}”`),
  );
  const byReason = el("div", {}, el("h3", {}, "By reason"), reasons.element);

  return {
    element: el(
      "section",
      { "aria-labelledby": "letters-title" },
      el(
        "div",
        { class: "view-head" },
        el("div", {}, el("h2", { id: "letters-title" }, "Dead letters"), said),
        !session.readOnly && el("div", { class: "buttons" }, all),
      ),
      nothing,
      byReason,
      found,
    ),
    /** @param {string[]} path */
    open([offset]) {
      open = true;
      load();
      if (offset !== undefined) openLetter(offset, { readOnly: session.readOnly, replay });
    },
    close() {
      open = false;
      reason = "";
    },
    /** @param {Way} way */
    onWay({ deadLetters }) {
      if (open && waiting !== undefined && waiting !== deadLetters) load();
      waiting = deadLetters;
    },
  };
}

/**
 * Looks what would become of them, asks, and puts them through.
 * @param {Record<string, unknown>} which @param {string} words
 * @returns {Promise<boolean>} whether it was done
 */
async function replayAsked(which, words) {
  /** @type {Replayed} */
  const would = await post("/api/dead-letters/replay", { ...which, dryRun: true });
  if (would.replayed + would.refused + would.elsewhere === 0) {
    notice("Nothing to replay: none of them waits any more.");
    return true;
  }
  if (would.replayed === 0) {
    notice(`Nothing to replay: ${leftText(would, "would be refused again")}.`, adviceOf(would), reasonLines(would));
    return false;
  }
  const again = would.refused + would.elsewhere === 0
    ? []
    : [`${leftText(would, "would be refused again")}, and would stay:`, ...reasonLines(would)];
  const lines = [
    `${
      counted(would.replayed, "record")
    } would be checked again and put through: what was on the topic goes into the table, what came from the source goes to the topic.`,
    ...again,
  ];
  if (!await ask(`Replay ${words}?`, lines, `Replay ${grouped(would.replayed)}`)) return false;
  /** @type {Replayed} */
  const did = await post("/api/dead-letters/replay", which);
  const left = did.refused + did.elsewhere === 0 ? "" : `; ${leftText(did, "refused again")}`;
  notice(`${counted(did.replayed, "dead letter")} replayed${left}.`, adviceOf(did), reasonLines(did));
  return true;
}

/** @param {readonly Reason[]} reasons */
function sumOf(reasons) {
  return reasons.reduce((sum, [, count]) => sum + count, 0);
}

/** How many stay. @param {Replayed} of @param {string} words */
function leftText({ refused, elsewhere }, words) {
  const others = elsewhere === 0 ? "" : `${grouped(elsewhere)} of another topic left alone`;
  return [refused > 0 || others === "" ? `${grouped(refused)} ${words}` : "", others].filter(Boolean).join(", ");
}

/** The reasons of those that were refused again. @param {Replayed} of */
function reasonLines({ reasons }) {
  const lines = reasons.slice(0, REASONS).map(([reason, count]) => `${grouped(count)} × ${reason}`);
  const others = reasons.slice(REASONS);
  const left = others.reduce((sum, [, count]) => sum + count, 0);
  return left === 0 ? lines : [...lines, `${grouped(left)} × ${counted(others.length, "other reason")}`];
}

/** What to do about those that stay. @param {Replayed} of */
function adviceOf({ refused, elsewhere }) {
  return [
    refused > 0 &&
    "A replay changes no record: correct these where they come from and publish them again, or let them be. They hold nothing up.",
    elsewhere > 0 && "Those of another topic are replayed by userpipe dead-letters replay --topic NAME.",
  ].filter(Boolean).join(" ");
}

function noLetters() {
  return empty(
    "No dead letter waits. To see whether all of the topic is in the table:",
    "userpipe verify",
  );
}

/** @param {(reason: string) => void} choose @param {((reason: string) => Promise<void>) | null} replay */
function reasonsGrid(choose, replay) {
  return grid({
    caption: "Dead letters by reason",
    key: (/** @type {[...Reason, isChosen: boolean]} */ [reason]) => reason,
    columns: [
      { name: "Reason", as: "text", cell: ([reason, , isChosen]) => isChosen ? el("b", {}, reason) : reason },
      { name: "Letters", as: "number", cell: ([, count]) => grouped(count) },
      {
        name: "Act",
        cell: ([reason, , isChosen]) =>
          el(
            "span",
            { class: "buttons" },
            el("button", {
              type: "button",
              onclick: () => choose(reason),
              "aria-pressed": String(isChosen),
              "aria-label": `Show those of the reason ${reason}`,
            }, "Show"),
            replay &&
              actionButton("Replay", () => replay(reason), { "aria-label": `Replay those of the reason ${reason}` }),
          ),
      },
    ],
  });
}

function lettersGrid() {
  return grid({
    caption: "Dead letters, newest first",
    key: (/** @type {Letter} */ { offset }) => offset,
    columns: [
      { name: "Offset", as: "code", cell: ({ offset }) => el("a", { href: `#/letters/${offset}` }, offset) },
      { name: "Refused", cell: ({ refusedAt }) => timeCell(refusedAt) },
      { name: "By", as: "wide", cell: ({ stage }) => stage },
      { name: "Was at", as: "code", cell: ({ at }) => at },
      { name: "Key", as: "code", cell: ({ key }) => key ?? "" },
      { name: "Reason", as: "text", cell: ({ reason }) => reason },
    ],
  });
}
