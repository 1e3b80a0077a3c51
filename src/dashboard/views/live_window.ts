/** The live figures of the last minutes as numbers: what is new is read from the record of runs, and all of it once. */
import { LIVE_KEPT_MS, type LiveFigures, type LiveRecord, type Quantiles } from "../../live.ts";
import { seldom } from "../../query/seldom.ts";

/** A process that has said nothing for longer, in ms, is gone. */
export const SILENT_MS = 10_000;
/** What is new is looked for so far back, in ms: clocks of processes differ, and a write may come late. */
const OVERLAP_MS = 5_000;
/** What was read a moment ago, in ms, is new enough. */
const FRESH_MS = 500;
/** Of more processes those that spoke last are held. */
const MOST_PROCESSES = 64;

/** What one process said at one time, without the names. */
export interface Sample {
  at: number;
  residentBytes: number;
  fetched: number | null;
  published: number | null;
  /** Since its start, as the two before; null where it does not stream, as all that follow. */
  rows: number | null;
  lag: number | null;
  batchRows: number | null;
  /** How many times `p50` and `p99` are of. */
  writes: number;
  p50: number | null;
  p99: number | null;
}

export const FRESHNESS = ["fetchedToPublishedMs", "publishedToTableMs"] as const;
export type Freshness = typeof FRESHNESS[number];

export interface LiveProcess {
  newest: LiveFigures;
  /** The newest that are of any record. */
  fresh: Partial<Record<Freshness, { at: number; quantiles: Quantiles }>>;
  /** Oldest first. */
  samples: Sample[];
}

export class LiveWindow {
  readonly #processes = new Map<string, LiveProcess>();
  readonly #record: () => Promise<LiveRecord>;
  readonly #mine: (figures: LiveFigures) => LiveFigures | undefined;
  #readTo = 0;
  /** Reads what is new. @throws {UserpipeError} as the record */
  readonly refresh = seldom(() => this.#read(), { restMs: FRESH_MS });

  /** @param mine what of the figures is of what is shown; undefined where nothing is */
  constructor(record: () => Promise<LiveRecord>, mine: (figures: LiveFigures) => LiveFigures | undefined) {
    this.#record = record;
    this.#mine = mine;
  }

  /** All of the window, those that spoke last first. */
  get processes(): LiveProcess[] {
    return [...this.#processes.values()].sort((a, b) => b.newest.at - a.newest.at);
  }

  /** Those that are not gone. */
  living(now: number): LiveProcess[] {
    return this.processes.filter(({ newest }) => newest.at > now - SILENT_MS);
  }

  async #read(): Promise<void> {
    const now = Date.now();
    const record = await this.#record();
    for (const each of await record.since(Math.max(this.#readTo - OVERLAP_MS, now - LIVE_KEPT_MS))) {
      const figures = this.#mine(each);
      if (figures !== undefined) this.#add(figures);
    }
    this.#readTo = now;
    this.#forget(now - LIVE_KEPT_MS);
  }

  #add(figures: LiveFigures): void {
    const known = this.#processes.get(figures.process) ?? { newest: figures, samples: [], fresh: {} };
    if (known.samples.length > 0 && figures.at <= known.newest.at) return;
    this.#processes.set(figures.process, known);
    known.newest = figures;
    known.samples.push(sampleOf(figures));
    for (const which of FRESHNESS) {
      const quantiles = figures.stream?.[which];
      if (quantiles !== undefined && quantiles.count > 0) known.fresh[which] = { at: figures.at, quantiles };
    }
  }

  #forget(before: number): void {
    for (const [index, { newest, samples, fresh }] of this.processes.entries()) {
      const old = samples.findIndex(({ at }) => at >= before);
      if (old === -1 || index >= MOST_PROCESSES) this.#processes.delete(newest.process);
      else samples.splice(0, old);
      for (const which of FRESHNESS) if ((fresh[which]?.at ?? before) < before) delete fresh[which];
    }
  }
}

function sampleOf({ at, residentBytes, ingest, stream }: LiveFigures): Sample {
  return {
    at,
    residentBytes,
    fetched: ingest?.fetched ?? null,
    published: ingest?.published ?? null,
    rows: stream?.rows ?? null,
    lag: stream?.lag ?? null,
    batchRows: stream?.batchRows ?? null,
    writes: stream?.writeMs.count ?? 0,
    p50: stream?.writeMs.p50 ?? null,
    p99: stream?.writeMs.p99 ?? null,
  };
}

/** Counts that only grow. */
type Counter = "fetched" | "published" | "rows";

/** How far back a rate looks, in ms: the figures of one second alone jump. */
const RATE_MS = 5_000;

/** How many a second there were of late, over all of them; null where none of them counts that. */
export function rateOf(processes: readonly LiveProcess[], counter: Counter): number | null {
  const rates = processes.flatMap(({ samples }) => {
    const last = samples.at(-1)!;
    if (last[counter] === null) return [];
    const first = samples.find(({ at, [counter]: n }) => at >= last.at - RATE_MS && n !== null)!;
    return first === last ? [0] : [1000 * (last[counter] - first[counter]!) / (last.at - first.at)];
  });
  return sumOf(rates);
}

/** Since the start of each of them; null where none of them counts that. */
export function passedOf(processes: readonly LiveProcess[], counter: Counter): number | null {
  return sumOf(processes.map(({ samples }) => samples.at(-1)![counter]).filter((n) => n !== null));
}

function sumOf(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : numbers.reduce((sum, n) => sum + n, 0);
}
