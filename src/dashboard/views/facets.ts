/** How the users, or what else a pipeline carries, are made up: counted over the newest messages, or over the whole table. */
import type { Facet, Pipeline } from "../../pipeline.ts";
import { backwards } from "../../query/backwards.ts";
import { seldom } from "../../query/seldom.ts";
import { payloadOf } from "../../wire_format.ts";
import { Refused } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { Facets } from "../page/types.ts";
import { perServer } from "./shared.ts";

/** Messages that are looked at, the newest. */
export const MOST_MESSAGES = 10_000;
/** Rows of the table that are looked at: of more it is not the whole table. */
export const MOST_ROWS = 50_000_000;
/** Different values that are counted by themselves, and how many of them are told. */
const MOST_VALUES = 1_000;
const TOLD_VALUES = 100;
/** Characters of a value. */
const MOST_CHARS = 100;
const OTHERS = "(all others)";
/** What was counted is told to all who ask within this time, in ms. */
const FRESH_MS = 5_000;

const newest = perServer((deps) => seldom(() => countNewest(deps), { restMs: FRESH_MS }));

/** Over the newest {@linkcode MOST_MESSAGES}; those that are refused count nowhere. @throws {UserpipeError} as the broker */
export async function facets(deps: ApiDeps): Promise<Facets> {
  return await newest(deps)();
}

async function countNewest({ ends, names: { pipeline, topic } }: ApiDeps): Promise<Facets> {
  const broker = await ends.broker();
  const counts = new Counts(pipeline);
  const ranges = await broker.partitions(topic);
  for await (const { value, unreadable } of backwards({ broker, topic, ranges, most: MOST_MESSAGES })) {
    const event = value === null || unreadable !== undefined ? undefined : pipeline.decode(payloadOf(value));
    if (event?.ok) counts.add(event.value);
  }
  return { of: counts.of, whole: false, facets: counts.told };
}

const passes = perServer((deps) => new WholeTable(deps));

/**
 * Over the whole table, or its first {@linkcode MOST_ROWS} rows. All who ask meanwhile have the same pass.
 * @param signal whoever asked is gone: the pass ends with the last of them
 * @throws {UserpipeError} as the store's `scan`
 */
export async function wholeFacets(deps: ApiDeps, signal: AbortSignal): Promise<Facets> {
  return await passes(deps).ask(signal);
}

/** One pass at a time over the table, for as long as anybody waits for it. */
class WholeTable {
  readonly #deps: ApiDeps;
  #pass: { found: Promise<Facets>; waiting: Set<AbortSignal>; over: AbortController } | undefined;

  constructor(deps: ApiDeps) {
    this.#deps = deps;
  }

  async ask(signal: AbortSignal): Promise<Facets> {
    if (signal.aborted) throw gone();
    const pass = this.#pass ??= this.#begin();
    pass.waiting.add(signal);
    const leave = () => {
      pass.waiting.delete(signal);
      if (pass.waiting.size === 0) pass.over.abort();
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await pass.found;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  #begin() {
    const over = new AbortController();
    const found = countTable(this.#deps, AbortSignal.any([over.signal, this.#deps.stop]));
    const pass = { found, waiting: new Set<AbortSignal>(), over };
    const done = () => {
      if (this.#pass === pass) this.#pass = undefined;
    };
    found.then(done, done);
    // Whoever comes once it is given up begins another.
    over.signal.addEventListener("abort", done, { once: true });
    return pass;
  }
}

async function countTable({ ends, names: { pipeline, table } }: ApiDeps, signal: AbortSignal): Promise<Facets> {
  const columns = table.columns.map(({ name }) => name);
  const counts = new Counts(pipeline);
  if (!pipeline.plain) {
    const hint = "Those of the newest messages are counted";
    throw new Refused(409, "conflict", `A row of the pipeline "${pipeline.name}" is not its event`, hint);
  }
  for await (const rows of (await ends.store()).scan(columns)) {
    if (signal.aborted) throw gone();
    for (const row of rows) counts.add(Object.fromEntries(columns.map((name, i) => [name, row[i]])));
    if (counts.of >= MOST_ROWS) return { of: counts.of, whole: false, facets: counts.told };
  }
  return { of: counts.of, whole: true, facets: counts.told };
}

function gone(): Refused {
  return new Refused(503, "ended", "The count was ended", "Ask again");
}

/** Events by the values of each facet. */
class Counts {
  readonly #pipeline: Pipeline;
  readonly #values: Map<string, number>[];
  of = 0;

  constructor(pipeline: Pipeline) {
    this.#pipeline = pipeline;
    this.#values = pipeline.facets.map(() => new Map());
  }

  add(event: unknown): void {
    this.of++;
    this.#pipeline.facets.forEach((facet, i) => {
      const values = this.#values[i]!;
      const value = valueIn(facet, event);
      const counted = values.has(value) || values.size < MOST_VALUES ? value : OTHERS;
      values.set(counted, (values.get(counted) ?? 0) + 1);
    });
  }

  /** Most first. */
  get told(): Facets["facets"] {
    return this.#pipeline.facets.map(({ name }, i) => {
      const sorted = [...this.#values[i]!].sort(([, a], [, b]) => b - a);
      const told = sorted.slice(0, TOLD_VALUES);
      const left = sorted.slice(TOLD_VALUES).reduce((sum, [, count]) => sum + count, 0);
      return { name, values: left === 0 ? told : [...told, [OTHERS, left] as [string, number]] };
    });
  }
}

function valueIn(facet: Facet<unknown>, event: unknown): string {
  try {
    return facet.of(event).slice(0, MOST_CHARS);
  } catch {
    // A row that another program wrote may lack what the facet looks at.
    return "unknown";
  }
}
