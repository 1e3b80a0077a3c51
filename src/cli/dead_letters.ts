/** `dead-letters`: lists those that wait, shows one whole, or replays them. */
import { EXIT, UserpipeError } from "../errors.ts";
import type { Publishing } from "../ingest/publishing.ts";
import { namesOf } from "../open.ts";
import { headersOf, timeOf, valueOf } from "../query/bytes.ts";
import { lettersAt, type Listing, listLetters, MOST_ROWS, type WaitingLetter } from "../query/dead_letters.ts";
import { type Format, shownText } from "../query/format.ts";
import { one } from "../query/query.ts";
import type { Store } from "../store/store.ts";
import type { Letter } from "../stream/letter.ts";
import { type ReplayCounts, replayLetters } from "../stream/replay.ts";
import { assertNone } from "../settings_fit.ts";
import { formatOf, printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withBroker, withStore } from "./ends.ts";
import { withPublishing } from "./publishing.ts";
import { didYouMean } from "./similar.ts";
import { counted, grouped, seconds, type Terminal } from "./terminal.ts";

const DEFAULT_ROWS = 20;
/** Letters that a replay names as refused again; the others are counted. */
const MOST_NAMED = 20;

/** What a replay alone has a use for. */
const OF_REPLAY = ["dryRun", "ttl", "outboxMaxBytes"] as const;

export async function deadLetters(context: Context): Promise<number> {
  const { args: [action, ...args], flagOf } = context;
  if (action === undefined) {
    assertNone(OF_REPLAY, '"dead-letters"', "they are for a replay, and a listing changes nothing", flagOf);
    return await list(context);
  }
  if (action === "show") {
    assertNone([...OF_REPLAY, "reason", "max"], '"dead-letters show"', "it shows the one that is named", flagOf);
    return await show(context, args);
  }
  if (action !== "replay") throw usage(`dead-letters knows no "${action}"`, meant(action));
  if (args.length > 0) throw usage(`"dead-letters replay" has an argument too many: "${args[0]}"`);
  assertNone(["max", "format"], '"dead-letters replay"', "it lists none, and takes all", flagOf);
  return await replay(context);
}

async function list({ settings, terminal }: Context): Promise<number> {
  const { max = DEFAULT_ROWS, reason } = settings;
  if (max > MOST_ROWS) throw usage(`--max is ${max}, and at most ${MOST_ROWS} dead letters are listed`);
  const { deadLetterTopic } = namesOf(settings);
  return await withBroker(settings, async (broker) => {
    const { reasons, newest, waiting, replayed } = await listLetters({ broker, topic: deadLetterTopic, reason }, max);
    const those = waiting === 0
      ? `No dead letters wait in "${deadLetterTopic}", ${grouped(replayed)} replayed`
      : `${counted(waiting, "dead letter")} in "${deadLetterTopic}", ${grouped(replayed)} more replayed`;
    const format = formatOf(settings, terminal);
    if (format !== "table" || waiting > 0) await printBoth(reasons, newest, format, terminal);
    terminal.note(newest.length < waiting ? `${those}; the newest ${grouped(newest.length)} are shown.` : `${those}.`);
    return EXIT.done;
  });
}

/** `cut_from`: the whole size in bytes of a value of which the dead-letter topic took only the beginning. */
const COLUMNS = ["offset", "refused", "stage", "at", "key", "reason", "cut_from"];

function rowOf({ offset, refusedAt, stage, at, key, reason, cut }: Letter): unknown[] {
  return [Number(offset), timeOf(refusedAt), stage, at, key ?? null, reason, cut === undefined ? null : Number(cut)];
}

/** What a table has room for; the stage stands with the counts, the key with the whole letter. */
const TABLE_COLUMNS = ["offset", "refused", "at", "reason"];

function tableRowOf({ offset, refusedAt, at, reason, cut }: Letter): unknown[] {
  const mark = cut === undefined ? "" : `(cut from ${grouped(Number(cut))} bytes) `;
  return [Number(offset), timeOf(refusedAt), at, `${mark}${reason}`];
}

/** Counts, then rows: two tables, or one JSON object with both. */
async function printBoth(
  reasons: Listing["reasons"],
  newest: Letter[],
  format: Format,
  terminal: Terminal,
): Promise<void> {
  const asTable = format === "table";
  const asJson = format === "json";
  const counts = reasons.map(({ count, stage, reason }) => [count, stage, reason]);
  const letters = newest.map(asTable ? tableRowOf : rowOf);
  const print = (columns: string[], rows: unknown[][]) =>
    printAnswer({ columns, pages: one(async () => rows) }, format, terminal, { cutLast: true });
  if (asJson) terminal.print('{ "counts":');
  await print(["count", "stage", "reason"], counts);
  if (format !== "ndjson") terminal.print(asJson ? ', "letters":' : "");
  await print(asTable ? TABLE_COLUMNS : COLUMNS, letters);
  if (asJson) terminal.print("}");
}

async function show({ settings, terminal }: Context, args: string[]): Promise<number> {
  const [offset] = args;
  if (args.length !== 1 || !/^\d{1,18}$/.test(offset!)) {
    throw usage(`"${["dead-letters", "show", ...args].join(" ")}" names no offset`);
  }
  return await withBroker(settings, async (broker) => {
    const letters = await lettersAt(broker, namesOf(settings).deadLetterTopic, BigInt(offset!));
    const answer = { columns: [...COLUMNS, "headers", "value"], pages: one(async () => letters.map(wholeOf)) };
    // Too narrow for a table, whose cells are cut: the fields stand whole, one under the other.
    await printAnswer(answer, formatOf(settings, terminal), terminal, { width: 0 });
    return EXIT.done;
  });
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
  const work = async ({ broker, publisher, schemas }: Publishing, store: Store) => {
    try {
      const options = {
        ...names,
        broker,
        publisher,
        schemas,
        store,
        reason,
        dryRun,
        stop,
        abort,
        onRefused,
        onProgress,
      };
      await replayLetters(options);
      terminal.print(`${said()} in ${seconds(performance.now() - started)}`);
    } catch (error) {
      if (counts.rows + counts.published > 0) terminal.print(`${said()} until it failed`);
      throw error;
    }
    return counts.refused > 0 ? EXIT.found : EXIT.done;
  };
  return await withPublishing(settings, (publishing) => withStore(settings, (store) => work(publishing, store)));
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

/** What was perhaps asked: a number is an offset. */
function meant(typed: string): string | undefined {
  if (/^\d+$/.test(typed)) return `Did you mean "userpipe dead-letters show ${typed}"?`;
  return didYouMean(typed, ["show", "replay"]);
}

function usage(message: string, guess?: string): UserpipeError {
  const hint = 'See "userpipe dead-letters --help" for what there is';
  return new UserpipeError("usage", message, guess === undefined ? hint : `${guess} ${hint}`);
}
