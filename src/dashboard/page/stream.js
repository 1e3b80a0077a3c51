/** The stream over the last 15 minutes: rows, lag, batches, answer times and memory, each worker and each partition. */
import { trouble } from "./actions.js";
import { get } from "./api.js";
import { Chart, key } from "./charts.js";
import { el, empty, fill } from "./dom.js";
import { bytes, counted, grouped, short, span } from "./format.js";
import { grid, timeCell } from "./grid.js";
import { icon, stateClass } from "./icons.js";

/**
 * @typedef {import("./types.ts").Live} Live
 * @typedef {import("./types.ts").LiveFigures} LiveFigures
 */

const MINUTES = 15;
const EVERY_MS = 2_000;

/** 1 MiB, 2 MiB, 4 MiB and so on, in bytes. */
const BINARY = Array.from({ length: 20 }, (_, i) => 2 ** (20 + i));

const P50 = { name: "p50", colour: "--accent" };
const P99 = { name: "p99", colour: "--warn", dash: [5, 3] };

export function streamView() {
  const charts = chartsOf();
  const workers = workersGrid();
  const partitions = partitionsGrid();
  const processes = processesGrid();
  const stopped = el("div");
  const workersTitle = el("h3", {}, "Workers");
  const partitionsTitle = el("h3", {}, "Partitions");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let open = false;

  const show = (/** @type {Live} */ live) => {
    for (const { chart, of } of charts) chart.show(live.series.at, of.map((name) => live.series[name]));
    workers.show(live.workers);
    partitions.show(live.partitions);
    processes.show(live.processes);
    for (const part of [workers.element, workersTitle]) part.toggleAttribute("hidden", live.workers.length === 0);
    for (const part of [partitions.element, partitionsTitle]) {
      part.toggleAttribute("hidden", live.partitions.length === 0);
    }
    fill(stopped, ...stoppedText(live));
  };
  const refresh = async () => {
    clearTimeout(timer);
    try {
      show(await get("/api/live", { minutes: MINUTES }));
    } catch (error) {
      fill(stopped, trouble(error));
    }
    if (open) timer = setTimeout(refresh, EVERY_MS);
  };

  return {
    element: el(
      "section",
      { "aria-labelledby": "stream-title" },
      el(
        "div",
        { class: "view-head" },
        el(
          "div",
          {},
          el("h2", { id: "stream-title" }, "Stream"),
          el("p", { class: "faint" }, `The last ${MINUTES} minutes`),
        ),
        el("p", { class: "keys" }, key(P50), key(P99)),
      ),
      stopped,
      el("div", { class: "charts" }, ...charts.map(({ chart }) => chart.element)),
      workersTitle,
      workers.element,
      partitionsTitle,
      partitions.element,
      el("h3", {}, "Processes that report"),
      processes.element,
    ),
    open() {
      open = true;
      refresh();
    },
    close() {
      open = false;
      clearTimeout(timer);
    },
  };
}

/** @returns {{ chart: Chart, of: (keyof Live["series"])[] }[]} */
function chartsOf() {
  const line = (/** @type {string} */ name) => [{ name, colour: "--accent" }];
  const counts = (/** @type {string} */ what) => ({
    text: (/** @type {number | null} */ n) => n === null ? "–" : `${short(n)} ${what}`,
    tick: short,
  });
  const memory = { text: bytes, tick: bytes, steps: BINARY };
  return [
    { chart: new Chart("Rows", line("rows"), counts("rows/s")), of: ["rowsPerSecond"] },
    { chart: new Chart("Lag", line("lag"), counts("records")), of: ["lag"] },
    { chart: new Chart("Store answers in", [P50, P99], { text: span, tick: span }), of: ["writeP50Ms", "writeP99Ms"] },
    { chart: new Chart("Batch", line("batch"), counts("rows")), of: ["batchRows"] },
    { chart: new Chart("Memory of the processes", line("memory"), memory), of: ["residentBytes"] },
  ];
}

/** Why nothing is carried, in plain words. @param {Live} live @returns {Node[]} */
function stoppedText({ processes }) {
  const streams = processes.filter(({ stream }) => stream !== undefined);
  if (streams.length === 0) {
    return [empty("No process that carries the topic reports on this record of runs. Start one:", "userpipe stream")];
  }
  return streams.flatMap(({ stream, host, pid }) => {
    const waiting = stream?.waiting;
    if (waiting === undefined) return [];
    return [el(
      "div",
      { class: "trouble" },
      el("strong", {}, `The stream of process ${pid} on ${host} waits: ${waiting.message}`),
      el("p", {}, waiting.hint),
    )];
  });
}

function workersGrid() {
  return grid({
    caption: "Workers of the stream",
    key: (/** @type {Live["workers"][number]} */ { process, worker }) => `${process}/${worker}`,
    columns: [
      { name: "Worker", cell: ({ worker }) => String(worker) },
      {
        name: "State",
        cell: ({ state, why }) =>
          el(
            "span",
            { class: `state ${stateClass(state)}` },
            icon(state === "starting" ? "queued" : state),
            why ? `${state}: ${why}` : state,
          ),
      },
      { name: "Rows since its start", as: "number", cell: ({ rows }) => grouped(rows) },
    ],
  });
}

function partitionsGrid() {
  return grid({
    caption: "Partitions that the stream carries",
    key: (/** @type {Live["partitions"][number]} */ { process, partition }) => `${process}/${partition}`,
    columns: [
      { name: "Partition", cell: ({ partition }) => String(partition) },
      { name: "Worker", as: "number", cell: ({ worker }) => String(worker) },
      { name: "Position", as: "number", cell: ({ position }) => grouped(position) },
      { name: "End", as: "number", cell: ({ end }) => grouped(end) },
      { name: "Lag (records)", as: "number", cell: ({ lag }) => grouped(lag) },
    ],
  });
}

function processesGrid() {
  return grid({
    caption: "Processes that report",
    key: (/** @type {LiveFigures} */ { process }) => process,
    columns: [
      { name: "Process", cell: ({ host, pid }) => `${pid} on ${host}` },
      { name: "Does", cell: ({ command }) => `userpipe ${command}` },
      { name: "Ends", as: "wide", cell: ({ ends }) => `${ends.broker} ${ends.topic}, ${ends.store} ${ends.table}` },
      { name: "Since", cell: ({ startedAt }) => timeCell(startedAt) },
      { name: "Memory", as: "number", cell: ({ residentBytes }) => bytes(residentBytes) },
      { name: "Carried", as: "number", cell: ({ stream }) => stream === undefined ? "" : counted(stream.rows, "row") },
      { name: "Version", as: "wide", cell: ({ version }) => version },
    ],
  });
}
