/**
 * How soon a run's request leaves: from the scheduled instant on `Deno.cron`'s own ticks, also while a backfill is under
 * way, and from a trigger in another process.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { type CliOptions, start, succeeds, until, withFolder } from "./support/cli.ts";
import { type RandomUserServer, serveRandomUsers } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { MINUTE } from "./support/schedule.ts";
import { LONG } from "./support/size.ts";

const TICKS = 30;
/** What is asked for: small, so that it is not the records that are measured. */
const COUNT = 20;

/** When each request came, in ms since the epoch, by its seed. */
function timed(server: RandomUserServer): Map<string, number> {
  const times = new Map<string, number>();
  const { push } = server.requests;
  server.requests.push = (...urls) => {
    for (const { searchParams } of urls) times.set(searchParams.get("seed")!, Date.now());
    return push.apply(server.requests, urls);
  };
  return times;
}

/** For each run of the schedule that came at its time: how long behind it its request was there, in ms. */
async function latencies(cwd: string, times: ReadonlyMap<string, number>, since: number): Promise<number[]> {
  const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"), { make: false });
  try {
    const made = await runs.list({ kinds: ["scheduled"], since, limit: 1_000 });
    return made.map(({ scheduledAt, seed }) => times.get(seed!)! - scheduledAt!).sort((a, b) => a - b);
  } finally {
    await runs.close();
  }
}

/** What goes on beside the schedule until the signal is aborted. */
type Beside = (options: CliOptions, url: string, signal: AbortSignal) => Promise<void>;

const nothing: Beside = async () => {};

/** One backfill behind the other. */
const backfills: Beside = async (options, url, signal) => {
  const range = ["--pages", "1..10000", "--concurrency", "2", "--count", String(COUNT), "--url", url];
  for (let n = 0; !signal.aborted; n++) {
    await using running = start(["backfill", "--seed", `beside ${n}`, ...range], options);
    const stop = () => running.signal("SIGTERM");
    signal.addEventListener("abort", stop);
    assert.equal(await running.ended, 0, running.output.slice(-2_000));
    signal.removeEventListener("abort", stop);
  }
};

async function keptFor(ticks: number, beside: Beside): Promise<number[]> {
  let found: number[] = [];
  const end = new AbortController();
  await withFolder(async (cwd) => {
    await using server = serveRandomUsers(records(200));
    const times = timed(server);
    await succeeds(["init"], { cwd });
    await using running = start(["ingest", "--every", "1m", "--url", server.url, "--count", String(COUNT)], { cwd });
    await running.printed(/delivered/);
    const since = Date.now();
    const other = beside({ cwd }, server.url, end.signal);
    // Its failure is told at the end.
    other.catch(() => {});
    // The first one was made at once, late by what was left of its minute.
    await until(
      async () => (found = await latencies(cwd, times, since)).length >= ticks,
      (ticks + 2) * MINUTE,
      () => `${found.length} ticks:\n${running.output}`,
    );
    console.log(`ms: ${found}`);
    end.abort();
    await other;
    running.signal("SIGTERM");
    assert.equal(await running.ended, 0, running.output);
  });
  return found;
}

for (const [what, ticks, beside] of [["alone", 3, nothing], ["beside a backfill", TICKS, backfills]] as const) {
  Deno.test({
    name: `Deno.cron itself, ${what}, for ${ticks} minutes: each is run once, and its request leaves at once`,
    ignore: !LONG,
    fn: async () => {
      const found = await keptFor(ticks, beside);
      const at = (share: number) => found[Math.min(found.length - 1, Math.floor(found.length * share))]!;
      const seen = `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`;
      console.log(seen);
      assert.equal(found.length, ticks);
      assert.ok(found[0]! >= 0 && at(0.5) <= 20 && at(0.99) <= 200, seen);
    },
  });
}

Deno.test("a run that is triggered in another process asks its server within a second", () =>
  withFolder(async (cwd) => {
    await using server = serveRandomUsers(records(200));
    const times = timed(server);
    await succeeds(["init"], { cwd });
    await using running = start(["ingest", "--every", "1d", "--url", server.url, "--count", String(COUNT)], { cwd });
    await running.printed(/delivered/);
    const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"), { make: false });
    const queuedAt = async (seed: string) =>
      (await runs.list({ kinds: ["manual"] })).find((run) => run.seed === seed)!.queuedAt;
    try {
      const took: number[] = [];
      for (const seed of ["one", "two", "three"]) {
        await succeeds(["trigger", "--seed", seed], { cwd });
        await until(() => times.has(seed), 30_000, () => `it is not made:\n${running.output}`);
        took.push(times.get(seed)! - await queuedAt(seed));
      }
      // A busy machine may hold up one of them.
      assert.ok(Math.min(...took) <= 1_000, `they took ${took.join(", ")} ms`);
    } finally {
      await runs.close();
    }
    running.signal("SIGTERM");
    assert.equal(await running.ended, 0, running.output);
  }));
