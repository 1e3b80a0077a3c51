/** `runs stats`: how the runs went, how long they took, and the records of each day. */
import { EXIT, UserpipeError } from "../errors.ts";
import { timeText } from "../ingest/wording.ts";
import type { Runs, RunStats } from "../runs/runs.ts";
import { RUN_STATES } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { formatOf } from "./answer.ts";
import { paint, printColumns } from "./columns.ts";
import { stateColour } from "./run_rows.ts";
import { shownJson } from "./runs_show.ts";
import { counted, grouped, type Terminal } from "./terminal.ts";
import { isoTime, span } from "./times.ts";

/** What is summed up where `--since` says nothing, in ms. */
const SINCE_MS = 30 * 86_400_000;

export async function showStats(settings: Settings, terminal: Terminal, runs: Runs): Promise<number> {
  const format = formatOf(settings, terminal);
  if (format === "csv") {
    throw new UserpipeError("usage", "The statistics are no CSV", "Take --format json, or csv of the list of runs");
  }
  const since = settings.since?.timestamp ?? Date.now() - SINCE_MS;
  const stats = await runs.stats(since);
  if (format === "table") printStats(stats, since, terminal);
  else terminal.print(shownJson({ since: isoTime(since), ...stats }, terminal));
  return EXIT.done;
}

function printStats(stats: RunStats, since: number, terminal: Terminal): void {
  const { colour, width } = terminal;
  const print = (line: string) => terminal.print(line);
  const line = (name: string, text: string) => print(`${paint(name.padEnd(9), "bold", colour)} ${text}`);
  line("since", timeText(since));
  line("runs", grouped(stats.runs));
  for (const state of RUN_STATES) {
    const count = stats.states[state] ?? 0;
    if (count > 0) print(`  ${paint(state.padEnd(11), stateColour({ state }), colour)}  ${grouped(count).padStart(9)}`);
  }
  if (stats.delivered !== null) {
    line("delivered", `${shareText(stats.delivered)} of the ${counted(stats.made, "run")} made`);
  }
  if (stats.p50Ms !== null && stats.p95Ms !== null) {
    line("took", `${span(stats.p50Ms)} in the middle (p50), ${span(stats.p95Ms)} at p95`);
  }
  line(
    "records",
    `fetched ${grouped(stats.fetched)}, published ${grouped(stats.published)}, refused ${grouped(stats.refused)}`,
  );
  if (stats.days.length === 0) return;
  const columns = [
    { name: "day (UTC)", cell: ({ day }: Day) => day },
    { name: "runs", right: true, cell: ({ runs }: Day) => grouped(runs) },
    { name: "published", right: true, cell: ({ published }: Day) => grouped(published) },
  ];
  printColumns(columns, stats.days, { width, colour, print });
}

type Day = RunStats["days"][number];

/** Never rounded up to all of them. */
function shareText(share: number): string {
  return `${share === 1 ? "100" : Math.min(99.9, share * 100).toFixed(1)} %`;
}
