/** What the page shows of running processes, and that many who look cost as much as one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { freshnessOf } from "../src/dashboard/views/freshness.ts";
import { seriesOf } from "../src/dashboard/views/live_series.ts";
import { LiveWindow } from "../src/dashboard/views/live_window.ts";
import { Flow } from "../src/dashboard/views/way_flow.ts";
import { UserpipeError } from "../src/errors.ts";
import type { LiveFigures } from "../src/live.ts";
import { seldom } from "../src/query/seldom.ts";
import { countedAt } from "../src/query/status.ts";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { type Json, openApi } from "./support/api.ts";
import { until, withFolder } from "./support/cli.ts";
import { liveFigures } from "./support/live.ts";
import { SCHEDULE, TARGET } from "./support/runs_record.ts";

const STREAM = liveFigures("a", 0).stream!;

function streaming(process: string, at: number, rows: number, more: Partial<LiveFigures> = {}): LiveFigures {
  return liveFigures(process, at, { stream: { ...STREAM, rows, lag: 10, batchRows: 50 }, ...more });
}

/** Read as from a record that holds these. */
async function windowOf(figures: LiveFigures[]): Promise<LiveWindow> {
  const since = async (from: number) => figures.filter(({ at }) => at >= from);
  const window = new LiveWindow(async () => ({ put: async () => {}, since }), (each) => each);
  await window.refresh();
  return window;
}

Deno.test("the lines add up the processes: rows by the time between two figures, lag and memory as they are last", async () => {
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  const seconds = [30, 29, 28, 27, 26, 25];
  const figures = seconds.flatMap((ago, i) => {
    const at = now - ago * 1_000;
    return [streaming("a", at, 100 * i), streaming("b", at + 300, 40 * i, { startedAt: 2_000 })];
  });
  const { processes } = await windowOf(figures);
  const { at, rowsPerSecond, lag, batchRows, writeP50Ms, writeP99Ms, residentBytes } = seriesOf(processes, now, 1);
  assert.equal(at.length, 60);
  assert.deepEqual([at[0], at.at(-1)], [now - 59_000, now]);
  const from = at.indexOf(now - 29_000);
  assert.deepEqual(rowsPerSecond.slice(from - 1, from + 7), [null, null, 140, 140, 140, 140, 140, null]);
  assert.deepEqual(lag.slice(from, from + 2), [20, 20]);
  assert.deepEqual([batchRows[from], writeP50Ms[from], writeP99Ms[from]], [50, 1.5, 20]);
  assert.deepEqual([residentBytes[from], residentBytes[from - 1]], [200_000_000, null]);
  const whole = seriesOf(processes, now, 15);
  assert.ok(whole.at.length <= 450, `${whole.at.length} points`);
});

Deno.test("how fresh records are is told of the last ones while none come, and of none that is too old", async () => {
  const now = Date.now();
  const none = { count: 0, p50: null, p99: null };
  const took = (p50: number) => ({ count: 2, p50, p99: p50 });
  const told = (process: string, ago: number, publishedToTableMs: typeof none | ReturnType<typeof took>) => {
    const stream = { ...STREAM, fetchedToPublishedMs: none, publishedToTableMs };
    return liveFigures(process, now - ago, { stream });
  };
  const shown = async (...figures: LiveFigures[]) => {
    const window = await windowOf(figures);
    return freshnessOf(window.living(now), window.processes);
  };
  const before = [told("gone", 300_000, took(5)), told("a", 200_000, took(7)), told("a", 1_000, none)];
  assert.deepEqual(await shown(...before), { fetchedToPublished: none, publishedToTable: took(7) });
  const { publishedToTable } = await shown(...before, told("b", 500, took(9)));
  assert.deepEqual(publishedToTable, took(9));
  const old = await shown(told("a", 16 * 60_000, took(7)), told("a", 1_000, none));
  assert.deepEqual(old.publishedToTable, none);
});

Deno.test("a process that was not heard of for a while draws no line through it, and one that begins anew none backwards", async () => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const figures = [
    streaming("a", now - 40_000, 0),
    streaming("a", now - 39_000, 500),
    streaming("a", now - 10_000, 90_000),
    streaming("a", now - 9_000, 90_100),
    streaming("b", now - 8_000, 3),
    streaming("b", now - 7_000, 5),
  ];
  const { processes } = await windowOf(figures);
  const rows = seriesOf(processes, now, 1).rowsPerSecond.filter((rate) => rate !== null);
  assert.deepEqual(rows, [500, 100, 2]);
});

Deno.test("a process with little to say draws a line through its silence, up to now", async () => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  const figures = [streaming("a", now - 9_500, 7), streaming("a", now - 5_500, 7), streaming("a", now - 1_500, 11)];
  const { processes } = await windowOf(figures);
  const { rowsPerSecond, lag } = seriesOf(processes, now, 1);
  assert.deepEqual(rowsPerSecond.slice(-10), [null, 0, 0, 0, 0, 1, 1, 1, 1, 0]);
  assert.deepEqual(lag.slice(-11), [null, ...new Array(10).fill(10)]);
});

Deno.test("the window reads what is new, holds a process once, and lets go of what is old", async () => {
  const record: LiveFigures[] = [];
  const asked: number[] = [];
  const since = async (from: number) => {
    asked.push(from);
    return record.filter(({ at }) => at >= from);
  };
  const window = new LiveWindow(async () => ({ put: async () => {}, since }), (each) => each);
  const now = Date.now();
  record.push(streaming("a", now - 2_000, 1), streaming("a", now - 1_000, 2), streaming("old", now - 60_000, 9));
  await window.refresh();
  assert.ok(now - asked[0]! > 14 * 60_000, "all of it at first");
  record.push(streaming("a", now, 3));
  await until(async () => (await window.refresh(), asked.length > 1), 30_000, () => "it did not read again");
  assert.ok(Date.now() - asked[1]! < 60_000, "and then what is new");
  const living = window.living(now);
  assert.deepEqual([living.map(({ samples }) => samples.length), window.processes.length], [[3], 2]);
});

Deno.test("the topic's rates are those of everyone, and a topic that was made again is none backwards", () => {
  const flow = new Flow();
  const see = (at: number, end: bigint, committed: bigint | null) =>
    flow.see({ at, positions: { ok: true, value: [{ partition: 0, start: 0n, end, committed, lag: 0 }] } });
  assert.deepEqual(see(1_000, 100n, null), { published: 0, carried: 0 });
  assert.deepEqual(see(3_000, 300n, 50n), { published: 100, carried: 25 });
  assert.deepEqual(see(4_000, 10n, 0n), { published: 0, carried: 0 });
  assert.deepEqual(flow.see({ at: 5_000, positions: { ok: false, why: "", hint: "" } }), {
    published: null,
    carried: null,
  });
});

Deno.test("what takes long is asked once for all who wait, rests behind it, and is told from before meanwhile", async () => {
  let calls = 0;
  const answers: PromiseWithResolvers<number>[] = [];
  const ask = seldom(() => {
    calls++;
    answers.push(Promise.withResolvers());
    return answers.at(-1)!.promise;
  }, { restMs: 500, patienceMs: 5 });
  const both = Promise.all([ask(), ask()]);
  answers[0]!.resolve(1);
  assert.deepEqual([await both, await ask(), calls], [[1, 1], 1, 1]);
  await until(async () => (await ask(), calls === 2), 30_000, () => "it was never asked again");
  assert.deepEqual([await ask(), calls], [1, 2]);
  answers[1]!.reject(new Error("away"));
  await until(
    async () => calls === 3 || (ask().catch(() => {}), false),
    30_000,
    () => "what failed is asked for again",
  );
  const third = ask();
  answers[2]!.resolve(3);
  assert.equal(await third, 3, "nothing is told from before what failed");
});

async function makeTopic(dataDir: string): Promise<void> {
  const broker = openSqliteBroker({ path: join(dataDir, "topics.db") });
  const spec = { partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 };
  try {
    await broker.init([{ ...spec, name: "users_created" }], { dryRun: false });
  } finally {
    await broker.close();
  }
}

Deno.test("the way has the processes that live, by topic and group, and who waits and why", () =>
  withFolder(async (cwd) => {
    const dataDir = join(cwd, "userpipe-data");
    const runs = openSqliteRuns(join(dataDir, "runs.db"));
    await using api = openApi(cwd);
    try {
      await runs.lead({ name: SCHEDULE, text: "every 1m", definition: { every: 60_000 }, target: TARGET });
      const now = Date.now();
      const ends = liveFigures("a", now).ends;
      await runs.live.put(streaming("a", now - 1_000, 100));
      await runs.live.put(streaming("a", now, 300));
      await runs.live.put(liveFigures("gone", now - 60_000));
      await runs.live.put(liveFigures("elsewhere", now, { ends: { ...ends, topic: "other" } }));
      await runs.live.put(liveFigures("other group", now, { ends: { ...ends, group: "other" } }));
      const way = await api.get("/api/way");
      assert.deepEqual(way.processes.map(({ process }: Json) => process).sort(), ["a", "other group"]);
      const [source, ingest, , stream, store] = way.parts;
      assert.deepEqual([stream.state, stream.rate, stream.passed], ["fine", 200, 300]);
      assert.deepEqual([store.rate, source.passed, ingest.passed], [200, 14, 12]);
      assert.deepEqual([source.state, ingest.state, ingest.title], ["waiting", "down", "every 1m"]);
      for (const { why, hint } of [source, ingest]) {
        assert.match(`${why}: ${hint}`, /Nothing can be published: There is no topic "users_created".*userpipe init/);
      }
      await makeTopic(dataDir);
      let parts: Json[] = [];
      const isFine = async () => {
        ({ parts } = await api.get("/api/way"));
        return parts[0].state === "fine" && parts[1].state === "fine";
      };
      await until(isFine, 30_000, () => JSON.stringify(parts));
      assert.deepEqual(way.freshness.fetchedToPublished, { count: 3, p50: 1.5, p99: 20 });
      assert.deepEqual([way.schedule.led, way.schedule.next.length], [true, 3]);

      const live = await api.get("/api/live?minutes=5");
      assert.equal(live.workers.length, 1, "those of the other group are not this stream's");
      assert.deepEqual(live.partitions.map(({ position, lag }: Json) => [position, lag]), [["6", 4]]);

      const waiting = { message: "Cannot reach Cassandra", hint: "Start it" };
      await runs.live.put(streaming("a", now + 1_000, 300, { stream: { ...STREAM, waiting } }));
      await until(
        async () => (await api.get("/api/way")).parts[3].state === "waiting",
        30_000,
        () => "the stream does not wait",
      );
      assert.deepEqual([(await api.get("/api/way")).parts[3]].map(({ why, hint }) => [why, hint]), [
        ["Cannot reach Cassandra", "Start it"],
      ]);
    } finally {
      await runs.close();
    }
  }));

Deno.test("a count that took long by chance is not the answer for long, and an old one is told with its time", async () => {
  let counts = 0;
  const slow = () => new Promise<number>((resolve) => setTimeout(() => resolve(++counts), 20));
  const ask = seldom(slow, { rest: 1_000_000, mostRestMs: (count) => count === 1 ? 1 : 1_000_000 });
  assert.equal(await ask(), 1);
  await until(async () => await ask() === 2, 10_000, () => "it is not counted again");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await ask(), 2, "what may rest long does");
  assert.deepEqual([countedAt({ rows: 7, at: 1 }, 1_000), countedAt({ rows: 7, at: 1 }, 60_000)], [null, 1]);
});

Deno.test("ten who look at once are one look at the table, and none looks again while a count goes on", () =>
  withFolder(async (cwd) => {
    let counts = 0;
    const counted = Promise.withResolvers<number>();
    const store = {
      name: "a slow store",
      check: async () => ({ component: "store", ok: true, detail: "" }),
      count: () => (counts++, counted.promise),
    } as unknown as Store;
    await using api = openApi(cwd, { ends: { store: async () => store } });
    const first = await Promise.all(Array.from({ length: 10 }, () => api.get("/api/way")));
    assert.deepEqual(first.map(({ rows }) => rows), Array(10).fill(null), "it takes longer than a look may");
    assert.deepEqual(first.map(({ counting }) => counting.rows), Array(10).fill(true));
    const { count, counting, why } = await api.get("/api/table");
    assert.deepEqual([count, counting, why], [null, true, "it is still being counted"]);
    assert.equal(counts, 1);
    counted.resolve(7);
    await until(async () => (await api.get("/api/way")).rows === 7, 30_000, () => "the count is not told");
    assert.deepEqual((await api.get("/api/way")).counting, { rows: false, deadLetters: false });
    await api.get("/api/way");
  }));

Deno.test("while the rows are counted again, the count from before is shown", () =>
  withFolder(async (cwd) => {
    let counts = 0;
    const store = {
      name: "a store that becomes slow",
      check: async () => ({ component: "store", ok: true, detail: "" }),
      count: () => counts++ === 0 ? Promise.resolve(7) : new Promise(() => {}),
    } as unknown as Store;
    await using api = openApi(cwd, { ends: { store: async () => store } });
    const told: (number | null)[] = [];
    const again = async () => (told.push((await api.get("/api/way")).rows), counts > 1);
    await until(again, 10_000, () => "they are not counted again");
    await until(async () => await again() && told.length > 3, 10_000, () => "the way is not told");
    assert.deepEqual([...new Set(told)], [7]);
  }));

Deno.test("of a store that is away nothing is said to be counted, and a stream that waits for it is not told to be started", () =>
  withFolder(async (cwd) => {
    const away = new UserpipeError("store-unreachable", "Cannot reach it", "Start it");
    const store = {
      name: "a store that is away",
      check: async () => ({ component: "store", ok: false, error: away }),
      count: () => new Promise(() => {}),
    } as unknown as Store;
    const dataDir = join(cwd, "userpipe-data");
    const runs = openSqliteRuns(join(dataDir, "runs.db"));
    await makeTopic(dataDir);
    await using api = openApi(cwd, { ends: { store: async () => store } });
    try {
      await runs.live.put(liveFigures("a", Date.now(), { stream: undefined }));
      const { rows, counting, parts } = await api.get("/api/way");
      assert.deepEqual([rows, counting.rows, (await api.get("/api/table")).counting], [null, false, false]);
      const [, , , stream, end] = parts;
      assert.deepEqual([end.state, end.why, end.hint], ["down", "Cannot reach it", "Start it"]);
      assert.deepEqual([stream.state, stream.why], ["waiting", "It begins by itself once this is mended: store"]);
    } finally {
      await runs.close();
    }
  }));
