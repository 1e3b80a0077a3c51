/** Live figures: what is measured of a stream and of runs, how it is put together, and who writes it down. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Delivered } from "../src/broker/broker.ts";
import { Durations, RECENT_MS, Watched } from "../src/durations.ts";
import { UserpipeError } from "../src/errors.ts";
import { IngestMeasures } from "../src/ingest/measures.ts";
import { runOnce } from "../src/ingest/run.ts";
import { type LiveFigures, type LiveRecord, LiveReporter } from "../src/live.ts";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { type Measured, Measures } from "../src/stream/measures.ts";
import { StreamMeter } from "../src/stream/meter.ts";
import { type StreamStats, together } from "../src/stream/stats.ts";
import { Ticker } from "../src/stream/ticker.ts";
import { Writer } from "../src/stream/writer.ts";
import { start, succeeds, until, withFolder } from "./support/cli.ts";
import { liveFigures } from "./support/live.ts";
import { memoryStore } from "./support/memory.ts";
import { ask, DrivenClock, keeping, withRig } from "./support/schedule.ts";

const encoder = new TextEncoder();

Deno.test("the quantiles of times are right to within 5 %, over nine orders of magnitude", () => {
  for (const scale of [0.05, 1, 1_000, 1e6]) {
    const durations = new Durations();
    for (let n = 1; n <= 1_000; n++) durations.add(n * scale);
    const { count, p50, p99 } = durations.quantiles();
    assert.equal(count, 1_000);
    for (const [found, expected] of [[p50!, 500 * scale], [p99!, 990 * scale]] as const) {
      assert.ok(Math.abs(found / expected - 1) < 0.05, `${found} for ${expected}`);
    }
  }
  assert.deepEqual(new Durations().quantiles(), { count: 0, p50: null, p99: null });
});

Deno.test("times that are taken and added elsewhere are the same times", () => {
  const [one, all] = [new Durations(), new Durations()];
  for (const ms of [0, -3, 0.1, 1, 1, 2, 70, 1e12]) one.add(ms);
  assert.deepEqual([one.upTo(1), one.upTo(2), one.upTo(64), one.upTo(128), one.count], [5, 6, 6, 7, 8]);
  const before = one.quantiles();
  all.merge(structuredClone(one.take()));
  assert.deepEqual(all.quantiles(), before);
  assert.equal(all.sum, 74.1 + 1e12);
  assert.deepEqual(one.take(), { counts: [], sum: 0 });
});

Deno.test("of the last seconds only what is of the last seconds counts", () => {
  const watched = new Watched();
  const tally = (ms: number) => {
    const durations = new Durations();
    durations.add(ms);
    return durations.take();
  };
  watched.add(tally(10), 1_000);
  watched.add(tally(10), 1_000 + RECENT_MS - 1);
  assert.deepEqual([999 + RECENT_MS, 1_000 + RECENT_MS, 999 + 2 * RECENT_MS].map((now) => watched.recent(now).count), [
    ...[2, 1, 0],
  ]);
  assert.equal(watched.all.count, 2);
});

function message(timestamp: number, fetched?: string): Delivered {
  const headers: Delivered["headers"] = fetched === undefined ? {} : { "userpipe-fetched": encoder.encode(fetched) };
  return { partition: 0, offset: 0n, key: null, value: null, headers, timestamp };
}

Deno.test("of each batch one record is looked at, and its age is from its header and its timestamp", () => {
  const measures = new Measures();
  measures.stored([message(1_000, "900"), message(0, "0")], 1, 3_000);
  measures.stored([message(1_000), message(1_000)], 0, 3_000);
  // As another producer may have it.
  for (const odd of ["", "soon", "1".repeat(17), "-5"]) measures.stored([message(1_000, odd)], 0, 3_000);
  measures.stored([], 0, 3_000);
  measures.refusedByStore(1);
  const { batches, rows, refusedByStore, fetchedToPublishedMs, publishedToTableMs } = measures.take();
  assert.deepEqual({ batches, rows, refusedByStore }, { batches: 6, rows: 7, refusedByStore: 1 });
  assert.deepEqual([fetchedToPublishedMs.sum, publishedToTableMs.sum], [100, 12_000]);
  assert.equal(measures.take().batches, 0);
});

Deno.test("every write of the store is measured, those that are made again too", async () => {
  const busy = new UserpipeError("store-busy", "timed out", "wait");
  const store = memoryStore((_, call) => call === 1 ? { unwritten: [{ index: 0, error: busy }] } : undefined);
  const measures = new Measures();
  const writer = new Writer(store, new AbortController().signal, measures);
  await writer.write([{ values: ["a"], writeTime: 1 }, { values: ["b"], writeTime: 1 }]);
  assert.equal(store.calls, 2);
  assert.equal(measures.take().writeMs.counts.reduce((sum, [, count]) => sum + count, 0), 2);
});

function stats(partition: number, more: Partial<StreamStats> = {}): StreamStats {
  const positions = [{ partition, acknowledged: 5n, end: 15n }];
  return { rows: 10, refused: 2, oddKeys: 1, lag: 10, positions, ...more };
}

function measured(ms: number): Measured {
  const measures = new Measures();
  measures.wrote(ms);
  measures.stored([message(0, "0"), message(0)], 0, 2_000);
  return measures.take();
}

Deno.test("what several workers say is put together, each with its state and its partitions", () => {
  const meter = new StreamMeter();
  assert.equal(meter.figures(), undefined);
  const waiting = new UserpipeError("store-unreachable", "it is away", "start it").toPlain();
  const all = together([stats(3), stats(1, { waiting }), undefined]);
  meter.told({ ...all, measured: measured(4) }, 10_000);
  meter.told({ ...all, measured: measured(4) }, 10_100);
  const { writeMs, publishedToTableMs, fetchedToPublishedMs, ...figures } = meter.figures(10_500)!;
  assert.deepEqual(figures, {
    ...{ rows: 20, refused: 4, oddKeys: 2, lag: 20, batchRows: 2 },
    partitions: [
      { partition: 1, position: "5", end: "15", lag: 10, worker: 1 },
      { partition: 3, position: "5", end: "15", lag: 10, worker: 0 },
    ],
    workers: [
      { worker: 0, state: "running", rows: 10 },
      { worker: 1, state: "waiting", why: "it is away", rows: 10 },
      { worker: 2, state: "starting", rows: 0 },
    ],
    waiting: { message: "it is away", hint: "start it" },
  });
  assert.deepEqual([writeMs.count, publishedToTableMs.count, fetchedToPublishedMs.count], [2, 2, 2]);
  assert.equal(meter.figures(13_000)!.batchRows, 0);
  assert.equal(meter.figures(30_000)!.writeMs.p50, null);
});

Deno.test("runs are counted by how they ended, with what they fetched and published", () =>
  withRig(async (rig) => {
    const measures = new IngestMeasures();
    await runOnce(rig.options({ measures }), ask());
    rig.gives(async function* () {
      yield 30;
      throw new UserpipeError("source-unreachable", "away", "wait");
    });
    await runOnce(rig.options({ measures }), ask());
    const { runs, fetched, published, publishMs, state } = measures.figures();
    assert.deepEqual({ fetched, published, state }, { fetched: 130, published: 130, state: "waiting" });
    assert.deepEqual([runs.delivered, runs.failed, runs.running, publishMs.count], [1, 1, 0, 2]);
  }));

Deno.test("a schedule says whether it runs, waits or is paused, and what it left out", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const measures = new IngestMeasures();
    const release = Promise.withResolvers<void>();
    rig.gives(async function* () {
      yield 10;
      await release.promise;
    });
    const becomes = (state: string) =>
      until(() => measures.figures().state === state, 30_000, () => `it is ${measures.figures().state}, not ${state}`);
    await keeping(rig, clock, { run: rig.options({ measures }) }, async () => {
      await becomes("running");
      clock.go(1);
      await until(() => measures.figures().runs.skipped === 1, 30_000, () => "nothing is skipped");
      release.resolve();
      await becomes("waiting");
      await rig.runs.pause("users/t", true);
      await becomes("paused");
      assert.match(measures.figures().why!, /^since \d{4}-/);
      await rig.runs.pause("users/t", false);
      await becomes("waiting");
    });
  }));

Deno.test("a stream says how it stands while that changes, once more when it rests, and again once something comes", async () => {
  let [looks, told, stands] = [0, 0, null as string | null];
  const ticker = new Ticker({ look: () => (looks++, stands), tell: () => told++ }, { every: 2, seldom: 4 });
  try {
    await until(() => told > 3, 30_000, () => "it is not told again");
    stands = "well";
    const before = told;
    await until(() => looks > told + 3, 30_000, () => "it does not rest");
    assert.equal(told, before + 2);
    ticker.wake();
    await until(() => told === before + 3, 30_000, () => "it does not wake");
    stands = "better";
    await until(() => told === before + 5, 30_000, () => "what changed by itself is not told");
  } finally {
    ticker.close();
  }
});

/** A record that does with each put as it is told. */
function recording(put: (figures: LiveFigures, call: number) => Promise<void>): LiveRecord & { calls: number } {
  const record = {
    calls: 0,
    put: (figures: LiveFigures) => put(figures, ++record.calls),
    since: async () => [],
  };
  return record;
}

const { at: _at, residentBytes: _bytes, ingest: _ingest, stream: _stream, ...about } = liveFigures("p", 0);

async function reporting(record: LiveRecord, work: (written: () => number) => Promise<void>): Promise<void> {
  let made = 0;
  const figures = () => ({ ingest: { ...liveFigures("p", 0).ingest!, fetched: ++made } });
  const reporter = new LiveReporter({ about, record: async () => record, figures, everyMs: 2 });
  try {
    await work(() => made);
  } finally {
    reporter.close();
  }
}

Deno.test("figures are written again and again, also behind writes that fail", async () => {
  const put: LiveFigures[] = [];
  const record = recording(async (figures, call) => {
    if (call < 4) throw new UserpipeError("runs-unreachable", "away", "start it");
    put.push(figures);
  });
  await reporting(record, () => until(() => put.length > 2, 30_000, () => "nothing is written"));
  const [{ process, command, at, residentBytes, ingest }] = put as [LiveFigures];
  assert.deepEqual([process, command, ingest!.fetched], ["p", "up", 4]);
  assert.ok(Math.abs(at - Date.now()) < 5_000 && residentBytes > 1e6);
});

Deno.test("figures that stay the same are written seldom, and what is new at once, behind how it stood a moment before", async () => {
  const put: LiveFigures[] = [];
  const record = recording(async (figures) => void put.push(figures));
  let fetched = 1;
  const figures = () => ({ ingest: { ...liveFigures("p", 0).ingest!, fetched } });
  const reporter = new LiveReporter({ about, record: async () => record, figures, everyMs: 2 });
  try {
    await until(() => put.length > 1, 30_000, () => "nothing is written");
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(put.length, 2);
    fetched = 2;
    reporter.changed();
    await until(() => put.length > 3, 30_000, () => "what is new is not written");
    assert.deepEqual(put.slice(0, 4).map(({ ingest }) => ingest!.fetched), [1, 1, 1, 2]);
    assert.equal(put[3]!.at - put[2]!.at, 2);
  } finally {
    reporter.close();
  }
});

/** What the processes of the data folder below `cwd` wrote, newest last. */
async function written(cwd: string): Promise<LiveFigures[]> {
  const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"), { make: false });
  try {
    return await runs.live.since(0);
  } finally {
    await runs.close();
  }
}

Deno.test("up writes its figures once a second, and others read them", () =>
  withFolder(async (cwd) => {
    await using up = start(["up", "--generate", "50", "--partitions", "2"], { cwd });
    const latest = async () => (await written(cwd)).at(-1);
    await until(async () => (await latest())?.stream?.rows === 50, 20_000, () => up.output);
    const { stream, ingest, ...figures } = (await latest())!;
    assert.deepEqual([figures.pid, figures.command, figures.host], [up.pid, "up", Deno.hostname()]);
    assert.deepEqual(figures.ends, {
      ...{ broker: "embedded", topic: "users_created", group: "userpipe", store: "embedded", pipeline: "users" },
      table: "spark_streams.created_users",
    });
    assert.deepEqual([ingest!.fetched, ingest!.published, ingest!.runs.delivered], [50, 50, 1]);
    assert.deepEqual([stream!.lag, stream!.partitions.length, stream!.workers.map(({ state }) => state)], [0, 2, [
      "running",
    ]]);
    assert.ok(stream!.writeMs.count > 0 && stream!.publishedToTableMs.p99! < 60_000, JSON.stringify(stream));
    assert.equal(stream!.fetchedToPublishedMs.count, stream!.publishedToTableMs.count);
    const seconds = (await written(cwd)).map(({ at }) => Math.floor(at / 1_000));
    assert.deepEqual(seconds, [...new Set(seconds)]);
  }));

Deno.test("a stream that cannot write its figures goes on, and each of several workers is seen", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "2"], { cwd });
    await succeeds(["ingest", "--generate", "40"], { cwd });
    const path = join(cwd, "userpipe-data", "live.db");
    await Deno.writeTextFile(path, "this is no database".repeat(100));
    await using stream = start(["stream", "--workers", "2", "--log-level", "debug"], { cwd });
    await stream.printed(/Cannot write the live figures: .*not a SQLite database/);
    await Deno.remove(path);
    const seen = async () => {
      const workers = (await written(cwd)).at(-1)?.stream?.workers ?? [];
      const rows = workers.reduce((sum, { rows }) => sum + rows, 0);
      return `${rows} rows, ${workers.map(({ worker, state }) => `${worker} ${state}`).join(", ")}`;
    };
    // One may carry them all while the other is starting.
    await until(async () => await seen() === "40 rows, 0 running, 1 running", 20_000, () => stream.output);
    stream.signal("SIGTERM");
    assert.equal(await stream.ended, 0, stream.output);
  }));
