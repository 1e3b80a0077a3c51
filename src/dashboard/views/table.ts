/** The table: how many rows, those of the newest messages, and one row with the message that it came by. */
import type { Broker, Delivered } from "../../broker/broker.ts";
import { textOf } from "../../query/bytes.ts";
import { messageOfRow } from "../../query/row_message.ts";
import { peek } from "../../query/peek.ts";
import { countedAt, isCounted } from "../../query/status.ts";
import { payloadOf } from "../../wire_format.ts";
import { Refused } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { NewestRow, TableRow } from "../page/types.ts";
import { sharedBy, statusNow } from "./shared.ts";

/** Rows in one answer. */
export const MOST_ROWS = 500;
/** What was read a moment ago, in ms, is new enough for whoever else asks. */
const FRESH_MS = 1_000;

export interface TableView {
  name: string;
  columns: string[];
  /** As `status` has it, counted seldom; null where it is not known. */
  count: number | null;
  /** Whether it is not known because it is still being counted. */
  counting: boolean;
  /** When it was counted, in ms since the epoch, where that is not just now. */
  countedAt: number | null;
  why?: string;
  hint?: string;
}

export async function table(deps: ApiDeps): Promise<TableView> {
  const { names: { table: { keyspace, name, columns } } } = deps;
  const status = await statusNow(deps);
  const { rows } = status;
  const about = { name: `${keyspace}.${name}`, columns: columns.map(({ name }) => name) };
  if (rows.ok) {
    return { ...about, count: rows.value.rows, counting: false, countedAt: countedAt(rows.value, Date.now()) };
  }
  return {
    ...about,
    count: null,
    counting: isCounted(status, "store", rows),
    countedAt: null,
    why: rows.why,
    hint: rows.hint,
  };
}

/** Of the newest messages those that are in the table, newest first. @throws {UserpipeError} as `peek` and the store */
export const newestRows = sharedBy(async (deps, limit: number): Promise<{ rows: NewestRow[] }> => {
  const { ends, names: { pipeline, topic }, stop } = deps;
  const broker = await ends.broker();
  const places = new Map<string, Delivered>();
  for await (const page of peek({ broker, topic, max: limit, start: "newest", follow: false, signal: stop })) {
    for (const message of page) {
      const event = message.value === null ? undefined : pipeline.decode(payloadOf(message.value));
      const key = event?.ok ? pipeline.toValues(event.value)[0] : undefined;
      if (typeof key !== "string") continue;
      // Of one id the newest, in its place.
      places.delete(key);
      places.set(key, message);
    }
  }
  const stored = new Map((await (await ends.store()).get([...places.keys()])).map((row) => [row.values[0], row]));
  const rows = [...places].reverse().flatMap(([key, { partition, offset }]) => {
    const row = stored.get(key);
    return row === undefined ? [] : [{ ...row, partition, offset: String(offset) }];
  });
  return { rows };
}, { restMs: FRESH_MS });

/** @throws {Refused} where there is none */
export async function row(deps: ApiDeps, id: string): Promise<TableRow> {
  const { ends, names: { table: { columns, keyspace, name } } } = deps;
  if (columns[0]!.type === "uuid" && !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
    throw new Refused(400, "request", `"${id}" is not a UUID`, "Give the whole id of a row");
  }
  const key = columns[0]!.type === "uuid" ? id.toLowerCase() : id;
  const [found] = await (await ends.store()).get([key]);
  if (found === undefined) {
    const hint = "It may not be carried yet: look for its message in the topic, and among the dead letters";
    throw new Refused(404, "not-found", `"${keyspace}.${name}" has no row "${id}"`, hint);
  }
  return {
    row: Object.fromEntries(columns.map(({ name }, i) => [name, found.values[i] ?? null])),
    writeTime: found.writeTime === 0 ? null : found.writeTime,
    message: await pathOf(deps, await ends.broker(), key, found.writeTime),
  };
}

async function pathOf(
  { names: { pipeline, topic } }: ApiDeps,
  broker: Broker,
  key: string,
  writeTime: number,
): Promise<TableRow["message"]> {
  const message = await messageOfRow({ broker, topic, pipeline, key, writeTime });
  if (message === null) return null;
  const { partition, offset, headers } = message;
  const run = headers["userpipe-run"];
  const fetched = Number(headers["userpipe-fetched"] && textOf(headers["userpipe-fetched"]));
  return {
    partition,
    offset: String(offset),
    ...run && { run: textOf(run) },
    ...Number.isSafeInteger(fetched) && { fetched },
  };
}
