/** `peek`: messages of the topic with their place, key, time and headers. */
import type { Delivered } from "../broker/broker.ts";
import { EXIT, UserpipeError } from "../errors.ts";
import { namesOf, openBroker } from "../open.ts";
import { headersOf, textOf, timeOf, valueOf } from "../query/bytes.ts";
import { peek as peekAt, type PeekOptions } from "../query/peek.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { printAnswer } from "./query.ts";

const COLUMNS = ["partition", "offset", "timestamp", "key", "headers", "value"];

export async function peek({ settings, terminal, stop }: Context): Promise<number> {
  const { topic } = namesOf(settings);
  const start = startOf(settings);
  const { follow, partition, key } = settings;
  const max = settings.max ?? (follow ? Number.MAX_SAFE_INTEGER : 5);
  const broker = await openBroker(settings);
  try {
    const messages = peekAt({ broker, topic, max, start, partition, key, follow, signal: stop });
    const format = settings.format ?? (terminal.interactive && !follow ? "table" : "ndjson");
    await printAnswer({ columns: COLUMNS, pages: rowsOf(messages) }, { ...settings, format }, terminal);
    return EXIT.done;
  } finally {
    await broker.close();
  }
}

/** @throws {UserpipeError} `usage` where the flags name two places */
function startOf({ fromBeginning, offset, at, partition }: Settings): PeekOptions["start"] {
  const named = [fromBeginning, offset !== undefined, at !== undefined].filter(Boolean);
  if (named.length > 1) {
    throw new UserpipeError("usage", "--from-beginning, --offset and --at name two places", "Leave one out");
  }
  if (offset !== undefined && partition === undefined) {
    throw new UserpipeError("usage", "--offset alone names no place", "Name its partition with --partition");
  }
  if (offset !== undefined) return { offset: BigInt(offset) };
  return at ?? (fromBeginning ? "earliest" : "newest");
}

async function* rowsOf(pages: AsyncIterable<Delivered[]>): AsyncIterable<unknown[][]> {
  for await (const page of pages) yield page.map(rowOf);
}

function rowOf({ partition, offset, timestamp, key, headers, value }: Delivered): unknown[] {
  const named = headersOf(headers);
  return [partition, Number(offset), timeOf(timestamp), key && textOf(key), named, value && valueOf(value)];
}
