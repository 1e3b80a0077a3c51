/** `dead-letters`: lists those that wait, shows one whole, or replays them. */
import { EXIT, UserpipeError } from "../errors.ts";
import { namesOf, openBroker, openStore } from "../open.ts";
import { headersOf, timeOf, valueOf } from "../query/bytes.ts";
import { lettersAt, listLetters, MOST_ROWS, type WaitingLetter } from "../query/dead_letters.ts";
import { printRows, shownText } from "../query/format.ts";
import { one } from "../query/query.ts";
import type { Settings } from "../settings.ts";
import type { Letter } from "../stream/letter.ts";
import { type ReplayCounts, replayLetters } from "../stream/replay.ts";
import type { Context } from "./command.ts";
import { withPublishing } from "./publishing.ts";
import { formatOf, printAnswer } from "./query.ts";
import { counted, grouped, seconds } from "./terminal.ts";

const DEFAULT_ROWS = 20;
/** Letters that a replay names as refused again; the others are counted. */
const MOST_NAMED = 20;

export async function deadLetters(context: Context): Promise<number> {
  const { settings, args: [action, ...args] } = context;
  if (action === undefined) return await list(context);
  if (action === "show") return await show(context, args);
  if (action !== "replay") throw usage(`dead-letters knows no "${action}"`);
  if (args.length > 0) throw usage(`"dead-letters replay" has an argument too many: "${args[0]}"`);
  if (settings.max !== undefined) throw usage("--max is how many are listed, and a replay takes all");
  return await replay(context);
}

async function list({ settings, terminal }: Context): Promise<number> {
  const { max = DEFAULT_ROWS, reason, dryRun } = settings;
  if (dryRun) throw usage("--dry-run is of a replay, and a listing changes nothing");
  if (max > MOST_ROWS) throw usage(`--max is ${max}, and at most ${MOST_ROWS} dead letters are listed`);
  const { deadLetterTopic } = namesOf(settings);
  const broker = await openBroker(settings);
  try {
    const { reasons, newest, waiting, replayed } = await listLetters({ broker, topic: deadLetterTopic, reason }, max);
    const counts = reasons.map(({ count, stage, reason }) => [count, stage, reason]);
    await printBoth(
      { columns: ["count", "stage", "reason"], pages: one(async () => counts) },
      { columns: COLUMNS, pages: one(async () => newest.map(rowOf)) },
      settings,
      terminal,
    );
    const those = `${counted(waiting, "dead letter")} in "${deadLetterTopic}", ${grouped(replayed)} more replayed`;
    terminal.note(newest.length < waiting ? `${those}; the newest ${grouped(newest.length)} are shown.` : `${those}.`);
    return EXIT.done;
  } finally {
    await broker.close();
  }
}

const COLUMNS = ["offset", "refused", "stage", "at", "key", "reason"];

function rowOf({ offset, refusedAt, stage, at, key, reason }: Letter): unknown[] {
  return [Number(offset), timeOf(refusedAt), stage, at, key ?? null, reason];
}

type Answer = Parameters<typeof printAnswer>[0];

/** Counts, then rows: two tables, or one JSON object with both. */
async function printBoth(
  counts: Answer,
  letters: Answer,
  settings: Settings,
  terminal: Context["terminal"],
): Promise<void> {
  const format = formatOf(settings, terminal);
  const asJson = format === "json";
  if (asJson) terminal.print('{ "counts":');
  await printAnswer(counts, settings, terminal);
  if (format !== "ndjson") terminal.print(asJson ? ', "letters":' : "");
  await printAnswer(letters, settings, terminal);
  if (asJson) terminal.print("}");
}

async function show({ settings, terminal }: Context, args: string[]): Promise<number> {
  const [offset] = args;
  if (args.length !== 1 || !/^\d{1,18}$/.test(offset!)) {
    throw usage(`"${["dead-letters", "show", ...args].join(" ")}" names no offset`);
  }
  const broker = await openBroker(settings);
  try {
    const letters = await lettersAt(broker, namesOf(settings).deadLetterTopic, BigInt(offset!));
    const rows = letters.map(wholeOf);
    await printRows([...COLUMNS, "headers", "value"], one(async () => rows), {
      format: formatOf(settings, terminal),
      // Too narrow for a table, whose cells are cut: the fields stand whole, one under the other.
      width: 0,
      colour: terminal.colour,
      print: (line) => terminal.print(line),
    });
    return EXIT.done;
  } finally {
    await broker.close();
  }
}

function wholeOf({ letter, message: { headers, value } }: WaitingLetter): unknown[] {
  return [...rowOf(letter), headersOf(headers), value && valueOf(value)];
}

async function replay(context: Context): Promise<number> {
  const { settings, terminal, stop, abort } = context;
  const { reason, dryRun } = settings;
  const names = namesOf(settings);
  const started = performance.now();
  let counts: ReplayCounts = { rows: 0, published: 0, refused: 0, elsewhere: 0 };
  let named = 0;
  const onRefused = (letter: Letter, reason: string) => {
    if (++named <= MOST_NAMED) terminal.print(refusedLine(letter, reason));
    else if (named === MOST_NAMED + 1) terminal.print("refused   … and others");
  };
  const said = () => summary(counts, names.topic, dryRun);
  const onProgress = (now: ReplayCounts) => {
    counts = now;
    terminal.show(said());
  };
  return await withPublishing(settings, async ({ broker, publisher }) => {
    const store = await openStore(settings);
    try {
      const options = { ...names, broker, publisher, store, reason, dryRun, stop, abort, onRefused, onProgress };
      await replayLetters(options);
      terminal.print(`${said()} in ${seconds(performance.now() - started)}`);
    } catch (error) {
      if (counts.rows + counts.published > 0) terminal.print(`${said()} until it failed`);
      throw error;
    } finally {
      await store.close();
    }
    return counts.refused > 0 ? EXIT.found : EXIT.done;
  });
}

function refusedLine({ offset, at, stage }: Letter, reason: string): string {
  return `refused   offset ${offset} (${shownText(at)}, ${stage}): ${shownText(reason)}`;
}

function summary({ rows, published, refused, elsewhere }: ReplayCounts, topic: string, dryRun: boolean): string {
  const did = dryRun ? "would replay" : "replayed";
  const others = elsewhere === 0 ? "" : `, ${grouped(elsewhere)} of another topic left alone`;
  return `${did.padEnd(9)} ${grouped(rows)} as rows and ${grouped(published)} to "${topic}", refused ${
    grouped(refused)
  } again${others}`;
}

function usage(message: string): UserpipeError {
  return new UserpipeError("usage", message, 'See "userpipe dead-letters --help" for what there is');
}
