/** What a stream says of itself, every second while it carries: of one worker or, put together, of all of a process. */
import type { Position } from "../broker/broker.ts";
import type { PlainError } from "../errors.ts";
import type { Measured } from "./measures.ts";

/** What the stream did since its start, and where it stands. */
export interface StreamStats {
  /** Records stored. */
  rows: number;
  /** Records dead-lettered. */
  refused: number;
  /** Records stored whose key was missing or not their own. */
  oddKeys: number;
  /** Records behind the end of the partitions that this member owns. */
  lag: number;
  positions: Position[];
  /** The error that is being waited out, if any. */
  waiting?: PlainError;
  /** What was measured since it was told last, of one of the workers. */
  measured?: Measured;
  /** Each by itself, where they are put together. */
  workers?: WorkerStats[];
}

/** How it stands with one worker. Before it has said so, it is `starting`. */
export interface WorkerStats {
  /** From 0. */
  worker: number;
  state: "running" | "waiting" | "starting";
  why?: string;
  rows: number;
  positions: Position[];
}

/** @param each the latest of each worker, as far as it said anything */
export function together(each: readonly (StreamStats | undefined)[]): StreamStats {
  const all: StreamStats & { workers: WorkerStats[] } = {
    ...{ rows: 0, refused: 0, oddKeys: 0, lag: 0, positions: [], workers: [] },
  };
  each.forEach((stats, worker) => {
    all.workers.push(workerOf(worker, stats));
    if (stats === undefined) return;
    all.rows += stats.rows;
    all.refused += stats.refused;
    all.oddKeys += stats.oddKeys;
    all.lag += stats.lag;
    all.positions.push(...stats.positions);
    all.waiting ??= stats.waiting;
  });
  all.positions.sort((a, b) => a.partition - b.partition);
  return all;
}

function workerOf(worker: number, stats: StreamStats | undefined): WorkerStats {
  if (stats === undefined) return { worker, state: "starting", rows: 0, positions: [] };
  const { rows, positions, waiting } = stats;
  if (waiting === undefined) return { worker, state: "running", rows, positions };
  return { worker, state: "waiting", why: waiting.message, rows, positions };
}

/** Records between what is acknowledged and the end. */
export function lagOf({ acknowledged, end }: Position): number {
  return Math.max(0, Number(end - acknowledged));
}

/** What tells how one worker's stream stands from how it stood before. */
export function standOf({ rows, refused, waiting, positions }: StreamStats): string {
  const places = positions.map(({ partition, acknowledged, end }) => `${partition}:${acknowledged}/${end}`);
  return [rows, refused, waiting?.message, ...places].join();
}
