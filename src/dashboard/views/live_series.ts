/** The stream over the last minutes as lines to draw, and what each process says of itself now. */
import { LIVE_KEPT_MS, LIVE_SELDOM_MS } from "../../live.ts";
import type { ApiDeps } from "../deps.ts";
import type { Live } from "../page/types.ts";
import type { LiveProcess, Sample } from "./live_window.ts";
import { liveWindow, sharedBy } from "./shared.ts";

export const MOST_MINUTES = LIVE_KEPT_MS / 60_000;

/** Points of a line at the most; each stands for whole seconds. */
const MOST_POINTS = 450;
/** Between two figures further apart, in ms, a process was not heard of: no line is drawn. */
const GAP_MS = 10_000;
/** For so long, in ms, what a process said last holds until it is heard of again. */
const HOLDS_MS = LIVE_SELDOM_MS + 1_000;
/** What is shown is worked out for all who ask within this time, in ms. */
const FRESH_MS = 1_000;

type Series = Live["series"];
type Line = Exclude<keyof Series, "at">;

/** Of so many minutes, up to {@linkcode MOST_MINUTES}. @throws {UserpipeError} as the record of runs */
export const live = sharedBy(liveOf, { restMs: FRESH_MS });

async function liveOf(deps: ApiDeps, minutes: number): Promise<Live> {
  const window = liveWindow(deps);
  await window.refresh();
  const now = Date.now();
  const living = window.living(now);
  const streams = living.flatMap(({ newest: { process, stream } }) =>
    stream === undefined ? [] : [{ process, ...stream }]
  );
  return {
    series: seriesOf(window.processes, now, minutes),
    workers: streams.flatMap(({ process, workers }) => workers.map((each) => ({ process, ...each }))),
    partitions: streams.flatMap(({ process, partitions }) => partitions.map((each) => ({ process, ...each }))),
    processes: living.map(({ newest }) => newest),
  };
}

/** A point of all lines, from the figures of each process within it. */
type Point = Record<Line, number | null>;

/** @param now ms since the epoch; the last point is that of the last whole step before it */
export function seriesOf(processes: readonly LiveProcess[], now: number, minutes: number): Series {
  const stepMs = Math.ceil(minutes * 60 / MOST_POINTS) * 1000;
  const points = Math.floor(minutes * 60_000 / stepMs);
  const end = Math.floor(now / stepMs) * stepMs;
  const start = end - points * stepMs;
  const parts = Array.from({ length: points }, (): Part[] => []);
  for (const { samples } of processes) {
    let before: Sample | undefined;
    for (const sample of steady(samples, stepMs, now)) {
      const point = Math.floor((sample.at - start) / stepMs);
      if (point >= 0 && point < points) addTo(parts[point]!, samples, sample, before);
      before = sample;
    }
  }
  const made = parts.map(pointOf);
  const line = (name: Line) => made.map((point) => point[name]);
  return {
    at: parts.map((_, point) => start + (point + 1) * stepMs),
    rowsPerSecond: line("rowsPerSecond"),
    lag: line("lag"),
    batchRows: line("batchRows"),
    writeP50Ms: line("writeP50Ms"),
    writeP99Ms: line("writeP99Ms"),
    residentBytes: line("residentBytes"),
  };
}

/** The samples, and between those further apart, and up to now, what held meanwhile: where nothing changes little is said. */
function* steady(samples: readonly Sample[], stepMs: number, now: number): Iterable<Sample> {
  for (const [i, sample] of samples.entries()) {
    yield sample;
    const next = samples[i + 1] ?? { ...sample, at: now };
    const gap = next.at - sample.at;
    if (gap > (next === samples[i + 1] ? GAP_MS : HOLDS_MS)) continue;
    for (let ms = stepMs; ms < gap; ms += stepMs) {
      const rows = sample.rows === null ? null : sample.rows + ((next.rows ?? sample.rows) - sample.rows) * ms / gap;
      yield { ...sample, at: sample.at + ms, rows };
    }
  }
}

/** What one process said within a step: rows and time between its figures, and the last ones. */
interface Part {
  of: readonly Sample[];
  rows: number;
  ms: number;
  last: Sample;
}

function addTo(parts: Part[], of: readonly Sample[], sample: Sample, before: Sample | undefined): void {
  let part = parts.at(-1);
  if (part?.of !== of) parts.push(part = { of, rows: 0, ms: 0, last: sample });
  part.last = sample;
  if (before === undefined || sample.rows === null || sample.at - before.at > GAP_MS) return;
  part.rows += sample.rows - (before.rows ?? 0);
  part.ms += sample.at - before.at;
}

function pointOf(parts: readonly Part[]): Point {
  const lasts = parts.map(({ last }) => last);
  const writes = lasts.reduce((sum, each) => sum + each.writes, 0);
  const p50s = lasts.filter(({ p50 }) => p50 !== null).map(({ p50, writes }) => p50! * writes);
  const batches = known(lasts, "batchRows").filter((rows) => rows > 0);
  return {
    rowsPerSecond: sumOf(parts.filter(({ ms }) => ms > 0).map(({ rows, ms }) => 1000 * rows / ms), 1),
    lag: sumOf(known(lasts, "lag")),
    batchRows: sumOf(batches.map((rows) => rows / batches.length), 1),
    writeP50Ms: sumOf(p50s.map((weighed) => weighed / writes), 3),
    writeP99Ms: known(lasts, "p99").reduce((most: number | null, ms) => Math.max(most ?? 0, ms), null),
    residentBytes: sumOf(known(lasts, "residentBytes")),
  };
}

function known(samples: readonly Sample[], name: "lag" | "batchRows" | "p99" | "residentBytes"): number[] {
  return samples.map((sample) => sample[name]).filter((n) => n !== null);
}

/** null where there is none. @param digits behind the point, that are more than noise */
function sumOf(numbers: readonly number[], digits = 0): number | null {
  if (numbers.length === 0) return null;
  return Number(numbers.reduce((sum, n) => sum + n, 0).toFixed(digits));
}
