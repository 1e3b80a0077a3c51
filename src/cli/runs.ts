/** `runs`: lists what ran; shows one whole, tries one again, sums them up, removes old ones. */
import { EXIT, UserpipeError } from "../errors.ts";
import { one } from "../query/query.ts";
import type { Run, RunFilter, Runs } from "../runs/runs.ts";
import type { SettingName } from "../settings.ts";
import { assertNone } from "../settings_fit.ts";
import { formatOf, printAnswer } from "./answer.ts";
import { printColumns } from "./columns.ts";
import type { Context } from "./command.ts";
import { withRunsThere } from "./ends.ts";
import { plainRun, RUN_FIELDS, runColumns, troubleOf } from "./run_rows.ts";
import { retryRun } from "./runs_retry.ts";
import { showRun } from "./runs_show.ts";
import { showStats } from "./runs_stats.ts";
import { didYouMean } from "./similar.ts";
import { counted, type Terminal } from "./terminal.ts";

const DEFAULT_ROWS = 20;

interface Action {
  /** What it takes behind its name. */
  args: 0 | 1;
  /** Settings of other actions, and why they have no meaning for this one. */
  not: readonly SettingName[];
  because: string;
  work: (context: Context, runs: Runs, args: string[]) => Promise<number>;
}

const FILTERS = ["state", "kind", "since", "limit"] as const;
const TARGET = ["topic", "pipeline", "brokers"] as const;
/** What making a run wants. */
const MAKING = ["url", "deadLetterTopic", "quota", "outboxMaxBytes", "stopTimeout", "wait"] as const;

const ACTIONS: Record<string, Action> = {
  list: {
    args: 0,
    not: ["brokers", ...MAKING, "olderThan"],
    because: 'it lists what is on record; --older-than is for "runs prune", the others are for "runs retry"',
    work: list,
  },
  show: {
    args: 1,
    not: [...FILTERS, ...TARGET, ...MAKING, "olderThan"],
    because: "it shows the one run that is named",
    work: async ({ settings, terminal }, runs, [id]) => await showRun(settings, terminal, runs, id!),
  },
  stats: {
    args: 0,
    not: ["state", "kind", "limit", ...TARGET, ...MAKING, "olderThan"],
    because: "it sums up all runs since a time",
    work: async ({ settings, terminal }, runs) => await showStats(settings, terminal, runs),
  },
  retry: {
    args: 1,
    not: [...FILTERS, "olderThan", "format"],
    because: "it tries the one run that is named",
    work: async (context, runs, [id]) => await retryRun(context, runs, id!),
  },
  prune: {
    args: 0,
    not: [...FILTERS, ...TARGET, ...MAKING, "format"],
    because: "it removes all runs that ended longer ago",
    work: prune,
  },
};

export async function runs(context: Context): Promise<number> {
  const { settings } = context;
  const [name = "list", ...args] = context.args;
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name]! : undefined;
  if (action === undefined) throw usage(`runs knows no "${name}"`, meant(name));
  if (args.length < action.args) throw usage(`"runs ${name}" wants the id of a run, or its beginning`);
  if (args.length > action.args) throw usage(`"runs ${name}" has an argument too many: "${args.at(-1)}"`);
  const said = context.args.length === 0 ? "runs" : `runs ${name}`;
  assertNone(action.not, `"${said}"`, action.because, context.flagOf);
  if (name === "prune" && settings.olderThan === undefined) throw usage('"runs prune" wants --older-than, as in 30d');
  return await withRunsThere(settings, (runs) => action.work(context, runs, args));
}

async function list({ settings, flagOf, terminal }: Context, runs: Runs): Promise<number> {
  const { state: states, kind: kinds, since, limit = DEFAULT_ROWS } = settings;
  // A pipeline there is always; only one that is asked for leaves out others.
  const target = { topic: settings.topic, pipeline: flagOf("pipeline") && settings.pipeline };
  const filter: RunFilter = { states, kinds, target, since: since?.timestamp, limit };
  const found = await runs.list(filter);
  const format = formatOf(settings, terminal);
  if (format === "table") {
    printRuns(found, terminal);
  } else {
    const pages = one(async () => found.map((run) => Object.values(plainRun(run))));
    await printAnswer({ columns: RUN_FIELDS, pages }, format, terminal);
  }
  const narrowed = [states, kinds, since, ...Object.values(target)].some((value) => value !== undefined);
  if (found.length === 0) terminal.note(narrowed ? "No such runs are on record." : "No runs are on record.");
  else if (found.length === limit && settings.limit === undefined) {
    terminal.note(`These are the newest ${limit}; --limit shows more.`);
  }
  return EXIT.done;
}

function printRuns(found: readonly Run[], terminal: Terminal): void {
  if (found.length === 0) return;
  const { width, colour } = terminal;
  const to = { width, colour, print: (line: string) => terminal.print(line) };
  printColumns(runColumns(), found, to, { below: troubleOf });
}

async function prune({ settings, terminal }: Context, runs: Runs): Promise<number> {
  const removed = await runs.prune(Date.now() - settings.olderThan!);
  terminal.print(`removed   ${counted(removed, "run")}`);
  return EXIT.done;
}

/** What was perhaps asked: the beginning of an id is a run's. */
function meant(typed: string): string | undefined {
  return didYouMean(typed, Object.keys(ACTIONS)) ??
    (/^[0-9a-f][0-9a-f-]{3,}$/i.test(typed) ? `Did you mean "userpipe runs show ${typed}"?` : undefined);
}

function usage(message: string, guess?: string): UserpipeError {
  const hint = 'See "userpipe runs --help" for what there is';
  return new UserpipeError("usage", message, guess === undefined ? hint : `${guess} ${hint}`);
}
