/** `peek`: messages of the topic with their place, key, time and headers. */
import type { Delivered } from "../broker/broker.ts";
import { EXIT, UserpipeError } from "../errors.ts";
import { namesOf } from "../open.ts";
import { headersOf, textOf, timeOf, valueOf } from "../query/bytes.ts";
import { cut } from "../query/format.ts";
import { peek as peekAt, type PeekOptions } from "../query/peek.ts";
import type { Settings } from "../settings.ts";
import { schemaIdOf } from "../wire_format.ts";
import { formatOf, printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withBroker } from "./ends.ts";

const COLUMNS = ["partition", "offset", "timestamp", "key", "headers", "schema_id", "value"];
/** Of a message that is one line, which ends where the terminal does: the value has what room these leave. */
const LINE_COLUMNS = ["at", "timestamp", "key", "value"];
const LINE_KEY = 12;

export async function peek({ settings, terminal, stop }: Context): Promise<number> {
  const { topic } = namesOf(settings);
  const start = startOf(settings);
  const { follow, partition, key } = settings;
  const max = settings.max ?? (follow ? Number.MAX_SAFE_INTEGER : 5);
  const format = formatOf(settings, terminal);
  return await withBroker(settings, async (broker) => {
    const messages = peekAt({ broker, topic, max, start, partition, key, follow, signal: stop });
    // A table would be laid out anew with every message.
    if (follow && format === "table") {
      await printAnswer({ columns: LINE_COLUMNS, pages: rowsOf(messages, lineOf) }, "lines", terminal);
    } else {
      await printAnswer({ columns: COLUMNS, pages: rowsOf(messages, rowOf) }, format, terminal, { noun: "message" });
    }
    return EXIT.done;
  });
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

async function* rowsOf(
  pages: AsyncIterable<Delivered[]>,
  row: (message: Delivered) => unknown[],
): AsyncIterable<unknown[][]> {
  for await (const page of pages) yield page.map(row);
}

function rowOf({ partition, offset, timestamp, key, headers, value, unreadable }: Delivered): unknown[] {
  const place = [partition, Number(offset), timeOf(timestamp), key && textOf(key), headersOf(headers)];
  if (unreadable) return [...place, null, { unreadable: unreadable.reason, bytes: value?.length }];
  return [...place, value && (schemaIdOf(value) ?? null), value && valueOf(value)];
}

function lineOf(message: Delivered): unknown[] {
  const [partition, offset, timestamp, key, , , value] = rowOf(message);
  return [`${partition}/${offset}`, timestamp, key && cut(String(key), LINE_KEY), value];
}
