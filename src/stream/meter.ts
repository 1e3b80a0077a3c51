/** What the workers of a process say of their stream, added up since its start: for its live figures and for `/metrics`. */
import { Watched } from "../durations.ts";
import type { PartitionFigures, StreamFigures } from "../live.ts";
import type { Measured } from "./measures.ts";
import { lagOf, type StreamStats, type WorkerStats } from "./stats.ts";

/** How far back batches count for their mean: each worker says its own once a second, and none may be left out. In ms. */
const LATEST_MS = 2_000;

export class StreamMeter {
  readonly writeMs = new Watched();
  readonly fetchedToPublishedMs = new Watched();
  readonly publishedToTableMs = new Watched();
  #refusedByStore = 0;
  #latest: StreamStats | undefined;
  /** Oldest first. */
  #batches: { at: number; batches: number; rows: number }[] = [];

  /** The latest, of all workers; undefined before one has said anything. */
  get latest(): StreamStats | undefined {
    return this.#latest;
  }

  /** Records dead-lettered since the start because the store refused them, and all others. */
  get refused(): { store: number; stream: number } {
    const all = this.#latest?.refused ?? 0;
    return { store: this.#refusedByStore, stream: all - this.#refusedByStore };
  }

  /** @param now in ms since the epoch */
  told(stats: StreamStats, now = Date.now()): void {
    const { measured, ...latest } = stats;
    this.#latest = latest;
    if (measured !== undefined) this.#add(measured, now);
  }

  figures(now = Date.now()): StreamFigures | undefined {
    if (this.#latest === undefined) return undefined;
    const { rows, refused, oddKeys, lag, waiting, workers = [] } = this.#latest;
    const figures: StreamFigures = {
      ...{ rows, refused, oddKeys, lag },
      batchRows: this.#batchRows(now),
      writeMs: this.writeMs.recent(now),
      fetchedToPublishedMs: this.fetchedToPublishedMs.recent(now),
      publishedToTableMs: this.publishedToTableMs.recent(now),
      partitions: workers.flatMap(partitionsOf).sort((a, b) => a.partition - b.partition),
      workers: workers.map(({ positions: _, ...worker }) => worker),
    };
    if (waiting !== undefined) figures.waiting = { message: waiting.message, hint: waiting.hint };
    return figures;
  }

  #add(measured: Measured, now: number): void {
    const { batches, rows, refusedByStore } = measured;
    this.#refusedByStore += refusedByStore;
    this.writeMs.add(measured.writeMs, now);
    this.fetchedToPublishedMs.add(measured.fetchedToPublishedMs, now);
    this.publishedToTableMs.add(measured.publishedToTableMs, now);
    if (batches === 0) return;
    this.#batches = this.#batches.filter(({ at }) => at > now - LATEST_MS);
    this.#batches.push({ at: now, batches, rows });
  }

  #batchRows(now: number): number {
    const latest = this.#batches.filter(({ at }) => at > now - LATEST_MS);
    const batches = latest.reduce((sum, each) => sum + each.batches, 0);
    const rows = latest.reduce((sum, each) => sum + each.rows, 0);
    return batches === 0 ? 0 : Math.round(rows / batches);
  }
}

function partitionsOf({ worker, positions }: WorkerStats): PartitionFigures[] {
  return positions.map((position) => ({
    partition: position.partition,
    position: String(position.acknowledged),
    end: String(position.end),
    lag: lagOf(position),
    worker,
  }));
}
