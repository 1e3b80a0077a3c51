/** Runs as rows: all of one for programs, the columns that fit a terminal for people. */
import { shownText } from "../query/format.ts";
import type { Attempt, NewRun, Run, RunState } from "../runs/runs.ts";
import type { Colour, Column } from "./columns.ts";
import { grouped } from "./terminal.ts";
import { isoTime, localTime, span, zoneAt } from "./times.ts";

/** As many characters of an id tell runs apart. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

const COLOUR_OF: Record<RunState, Colour> = {
  "queued": "cyan",
  "running": "cyan",
  "delivered": "green",
  "to outbox": "yellow",
  "failed": "red",
  "skipped": "yellow",
  "missed": "yellow",
  "interrupted": "red",
};

export function stateColour({ state }: Pick<Run, "state">): Colour {
  return COLOUR_OF[state];
}

/** In ms, all its attempts, one under way until now; null where it was not begun, or its end is not known. */
export function tookMs({ state, startedAt, endedAt, workedMs, attemptSince }: Run): number | null {
  if (startedAt === null || (endedAt === null && state !== "running")) return null;
  return Math.max(0, workedMs + (attemptSince === null ? 0 : Date.now() - attemptSince));
}

/** In ms, from the first attempt to the end, or until now, without the attempts. */
export function idleMs(run: Run): number {
  const took = tookMs(run);
  return took === null ? 0 : Math.max(0, (run.endedAt ?? Date.now()) - run.startedAt! - took);
}

/** `backfill p.7`: many runs of one seed are told apart by their page. */
function kindText({ kind, page }: Run): string {
  return kind === "backfill" ? `${kind} p.${page}` : kind;
}

function tookText(run: Run): string {
  const took = tookMs(run);
  return took === null ? "" : span(took);
}

/** What a run asked for, in a few words: `seed a1b2 page 3`. */
export function askedText({ source, seed, page, count, nat }: NewRun): string {
  const parts = [
    source,
    seed === null ? undefined : `seed ${seed}`,
    page === null || page === 1 ? undefined : `page ${page}`,
    count === null ? undefined : `count ${grouped(count)}`,
    nat === null ? undefined : `nat ${nat}`,
  ];
  return shownText(parts.filter((part) => part !== undefined).join(", "));
}

/** What fits 80 columns, and what a wider terminal has room for. */
export function runColumns(): Column<Run>[] {
  const time = `time (${zoneAt(Date.now())})`;
  const attempted = (run: Run, n: number) => run.attempts === 0 ? "" : grouped(n);
  return [
    { name: "run", cell: ({ id }) => shortId(id) },
    { name: "kind", cell: kindText, from: 68 },
    { name: "state", cell: ({ state }) => state, colour: stateColour },
    { name: time, cell: (run) => localTime(run.queuedAt).slice("2026-".length), until: 100 },
    { name: time, cell: (run) => localTime(run.queuedAt), from: 100 },
    { name: "took", right: true, cell: tookText, from: 46 },
    { name: "tries", right: true, cell: (run) => attempted(run, run.attempts), from: 76 },
    { name: "published", right: true, cell: (run) => attempted(run, run.published), from: 56 },
    { name: "refused", right: true, cell: (run) => attempted(run, run.refused), from: 100 },
    { name: "outbox", right: true, cell: (run) => attempted(run, run.outbox), from: 110 },
    { name: "asked for", cell: askedText, from: 150 },
  ];
}

/** Why a run is not as it should be, for the line below it. */
export function troubleOf({ error }: Pick<Run, "error">): string | undefined {
  return error === null ? undefined : shownText(error);
}

/** A run for programs: times in ISO 8601, durations in ms. */
export function plainRun(run: Run): Record<string, unknown> {
  const { id, kind, state, target, ...more } = run;
  return {
    id,
    kind,
    state,
    scheduled: isoTime(more.scheduledAt),
    queued: isoTime(more.queuedAt),
    started: isoTime(more.startedAt),
    ended: isoTime(more.endedAt),
    ms: run.endedAt === null ? null : tookMs(run),
    attempts: more.attempts,
    fetched: more.fetched,
    published: more.published,
    outbox: more.outbox,
    refused: more.refused,
    bytes: more.bytes,
    source: more.source,
    seed: more.seed,
    page: more.page,
    count: more.count,
    nat: more.nat,
    url: more.url,
    pipeline: target.pipeline,
    broker: target.broker,
    topic: target.topic,
    error: more.error,
  };
}

export const RUN_FIELDS = [
  ...["id", "kind", "state", "scheduled", "queued", "started", "ended", "ms", "attempts"],
  ...["fetched", "published", "outbox", "refused", "bytes"],
  ...["source", "seed", "page", "count", "nat", "url", "pipeline", "broker", "topic", "error"],
] as const;

export function plainAttempt(attempt: Attempt): Record<string, unknown> {
  const { number, startedAt, endedAt, nextAt, error, fetched, published, outbox, refused, bytes } = attempt;
  return {
    number,
    started: isoTime(startedAt),
    ended: isoTime(endedAt),
    ms: endedAt === null ? null : endedAt - startedAt,
    next: isoTime(nextAt),
    ...{ fetched, published, outbox, refused, bytes },
    error,
  };
}
