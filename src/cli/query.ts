/** `query`: questions to the table, and their answers in the format that was asked for. */
import { EXIT, UserpipeError } from "../errors.ts";
import { namesOf, openStore } from "../open.ts";
import type { Table } from "../pipeline.ts";
import { type Format, printRows } from "../query/format.ts";
import { type Answer, by, byId, count, list, select } from "../query/query.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import type { Context } from "./command.ts";
import { grouped, type Terminal } from "./terminal.ts";

export async function query({ settings, args, terminal }: Context): Promise<number> {
  const { table } = namesOf(settings);
  const ask = question(settings, args, table, (share, rows) => {
    terminal.show(`${Math.round(share * 100)} % of the table, ${grouped(rows)} rows`);
  });
  const store = await openStore(settings);
  try {
    const answer = await ask(store);
    await printAnswer(answer, settings, terminal);
    return EXIT.done;
  } finally {
    terminal.clear();
    await store.close();
  }
}

export async function printAnswer({ columns, pages }: Answer, settings: Settings, terminal: Terminal): Promise<void> {
  const format = formatOf(settings, terminal);
  const { width, colour } = terminal;
  await printRows(columns, pages, { format, width, colour, print: (line) => terminal.print(line) });
}

/** The format that was asked for, else a table for people and lines of JSON for programs. */
export function formatOf({ format }: Settings, { interactive }: Terminal): Format {
  return format ?? (interactive ? "table" : "ndjson");
}

type Ask = (store: Store) => Answer | Promise<Answer>;

/** @throws {UserpipeError} `usage` */
function question(
  { cql }: Settings,
  [name, ...args]: string[],
  table: Table,
  onProgress: (share: number, rows: number) => void,
): Ask {
  if (cql !== undefined) {
    if (name !== undefined) throw usage(`--cql and "${name}" are two questions`);
    return (store) => select(store, cql);
  }
  const asks: Record<string, { least: number; most: number; ask: Ask }> = {
    count: { least: 0, most: 0, ask: (store) => count(store, onProgress) },
    list: { least: 0, most: 1, ask: (store) => list(store, table, limitOf(args[0] ?? "10")) },
    id: { least: 1, most: 1, ask: (store) => byId(store, table, uuidOf(args[0]!)) },
    by: { least: 1, most: 2, ask: (store) => by(store, table, args[0]!, args[1], onProgress) },
  };
  if (name === undefined) throw usage("There is no question");
  const found = Object.hasOwn(asks, name) ? asks[name]! : undefined;
  if (found === undefined) throw usage(`There is no question "${name}"`);
  if (args.length < found.least) throw usage(`"query ${name}" lacks an argument`);
  if (args.length > found.most) throw usage(`"query ${name}" has an argument too many: "${args[found.most]}"`);
  return found.ask;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw usage(`"${text}" is no number of rows`);
}

function uuidOf(text: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return text.toLowerCase();
  throw usage(`"${text}" is not a UUID`);
}

function usage(message: string): UserpipeError {
  return new UserpipeError(
    "usage",
    message,
    'Ask count, list, id, by or --cql "SELECT …": see "userpipe query --help"',
  );
}
