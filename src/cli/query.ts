/** `query`: questions to the table, and their answers in the format that was asked for. */
import { EXIT, UserpipeError } from "../errors.ts";
import { namesOf } from "../open.ts";
import type { Table } from "../pipeline.ts";
import { type Answer, by, byId, count, list, select } from "../query/query.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import { formatOf, printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withStore } from "./ends.ts";
import { didYouMean } from "./similar.ts";
import { grouped, seldom } from "./terminal.ts";

export async function query({ settings, args, terminal }: Context): Promise<number> {
  const { table } = namesOf(settings);
  const onProgress = seldom((share: number, rows: number) =>
    terminal.show(`${Math.round(share * 100)} % of the table, ${grouped(rows)} rows`)
  );
  const ask = question(settings, args, table, onProgress);
  return await withStore(settings, async (store) => {
    try {
      await printAnswer(await ask(store), formatOf(settings, terminal), terminal, { noun: "row" });
      return EXIT.done;
    } finally {
      terminal.clear();
    }
  });
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
    id: { least: 1, most: 1, ask: (store) => byId(store, table, keyOf(args[0]!, table)) },
    by: { least: 1, most: 2, ask: (store) => by(store, table, args[0]!, args[1], onProgress) },
  };
  if (name === undefined) throw usage("There is no question");
  const found = Object.hasOwn(asks, name) ? asks[name]! : undefined;
  if (found === undefined) throw usage(`There is no question "${name}"`, meant(name, Object.keys(asks), table));
  if (args.length < found.least) throw usage(`"query ${name}" wants ${name === "id" ? "<key>" : "<column>"}`);
  if (args.length > found.most) throw usage(`"query ${name}" has an argument too many: "${args[found.most]}"`);
  return found.ask;
}

/** What was perhaps asked. */
function meant(typed: string, words: string[], { columns }: Table): string | undefined {
  const command = "userpipe query";
  if (/^select\b/i.test(typed)) return `Did you mean ${command} --cql "SELECT …"?`;
  if (UUID.test(typed)) return `Did you mean "${command} id ${typed}"?`;
  if (columns.some(({ name }) => name === typed)) return `Did you mean "${command} by ${typed}"?`;
  return didYouMean(typed, words);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function limitOf(text: string): number {
  const limit = Number(text);
  if (Number.isSafeInteger(limit) && limit > 0) return limit;
  throw usage(`"${text}" is no number of rows`);
}

function keyOf(text: string, { columns: [key] }: Table): string {
  if (key!.type !== "uuid") return text;
  if (UUID.test(text)) return text.toLowerCase();
  throw usage(`"${text}" is not a UUID`);
}

function usage(message: string, guess?: string): UserpipeError {
  const hint = 'Ask count, list, id, by or --cql "SELECT …": see "userpipe query --help"';
  return new UserpipeError("usage", message, guess === undefined ? hint : `${guess} ${hint}`);
}
