/** A backfill: one run a page, several at once, and the same request again goes on where it stopped. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { backfill, type BackfillOptions } from "../src/ingest/backfill.ts";
import type { RunOptions } from "../src/ingest/run.ts";
import { until } from "./support/cli.ts";
import { ask, hundred, type Rig, withRig } from "./support/schedule.ts";

function options(rig: Rig, run: Partial<RunOptions> = {}, also: Partial<BackfillOptions> = {}): BackfillOptions {
  return {
    run: rig.options(run),
    asked: ask({ seed: "the range", page: null }),
    pages: { first: 3, last: 12 },
    concurrency: 3,
    ...also,
  };
}

const pagesAsked = (rig: Rig) => rig.asked.map(({ page }) => page!).sort((a, b) => a - b);
const PAGES = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

Deno.test("each page of the range is a run of its own, and no more than asked for are under way", () =>
  withRig(async (rig) => {
    let [now, most] = [0, 0];
    rig.gives(async function* () {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      yield 100;
      now--;
    });
    const seen: number[] = [];
    const report = await backfill(options(rig, {}, { onProgress: ({ done }) => seen.push(done) }));
    const { counts, ...rest } = report;
    assert.deepEqual(rest, { pages: 10, done: 10, before: 0, failed: 0, elsewhere: 0 });
    assert.deepEqual([counts.fetched, counts.published], [1_000, 1_000]);
    assert.deepEqual(pagesAsked(rig), PAGES);
    assert.deepEqual(new Set(rig.asked.map(({ seed }) => seed)), new Set(["the range"]));
    assert.equal(most, 3);
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const runs = await rig.runs.list({});
    assert.deepEqual(runs.map(({ kind, state }) => `${kind} ${state}`), Array(10).fill("backfill delivered"));
  }));

Deno.test("the same request again fetches nothing twice, and another range of the seed only what is new", () =>
  withRig(async (rig) => {
    await backfill(options(rig));
    const { done, before } = await backfill(options(rig));
    assert.deepEqual([done, before, rig.asked.length], [10, 10, 10]);
    const wider = await backfill(options(rig, {}, { pages: { first: 1, last: 14 } }));
    assert.deepEqual([wider.done, wider.before], [14, 10]);
    assert.deepEqual(pagesAsked(rig), [1, 2, ...PAGES, 13, 14]);
    await backfill(options(rig, {}, { asked: ask({ seed: "another", page: null }) }));
    assert.equal(rig.asked.length, 24);
  }));

Deno.test("one that is stopped goes on where it was: pages that were cut are fetched again, the others are not", () =>
  withRig(async (rig) => {
    const stop = new AbortController();
    let begun = 0;
    rig.gives(async function* (_, signal) {
      if (++begun < 5) return yield 100;
      if (begun === 7) stop.abort();
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    const report = await backfill(options(rig, { signal: stop.signal }));
    assert.equal(report.done, 4);
    rig.gives(hundred);
    const again = await backfill(options(rig));
    assert.deepEqual([again.done, again.before], [10, 4]);
    assert.equal(rig.published.length, 1_000);
    assert.deepEqual([...new Set(pagesAsked(rig))], PAGES);
  }));

Deno.test("a process that is killed leaves the rest queued, and its pages under way are fetched again", () =>
  withRig(async (rig) => {
    const killed = rig.open();
    let begun = 0;
    rig.gives(async function* () {
      if (++begun < 5) return yield 100;
      await new Promise(() => {});
    });
    void backfill(options(rig, { runs: killed })).catch(() => {});
    while (begun < 7) await new Promise((resolve) => setTimeout(resolve, 5));
    await killed.close();
    rig.gives(hundred);
    const again = await backfill(options(rig));
    assert.deepEqual([again.done, again.before, rig.published.length], [10, 4, 1_000]);
  }));

Deno.test("two at once share the pages", () =>
  withRig(async (rig) => {
    rig.gives(async function* () {
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield 100;
    });
    const [one, other] = await Promise.all([backfill(options(rig)), backfill(options(rig, { runs: rig.open() }))]);
    assert.deepEqual(pagesAsked(rig), PAGES);
    assert.equal(one.counts.fetched + other.counts.fetched, 1_000);
  }));

Deno.test("what another process made is delivered, and what it has under way is told apart from what is left", () =>
  withRig(async (rig) => {
    const held = Promise.withResolvers<void>();
    rig.gives(async function* ({ page }) {
      if (page === 3) await held.promise;
      yield 100;
    });
    const slow = backfill(options(rig, { runs: rig.open() }, { concurrency: 1 }));
    await until(() => rig.asked.length === 1, 30_000, () => "no page is under way");
    const quick = await backfill(options(rig));
    assert.deepEqual([quick.done, quick.failed, quick.elsewhere], [9, 0, 1]);
    held.resolve();
    const { done, failed, elsewhere, counts } = await slow;
    assert.deepEqual([done, failed, elsewhere, counts.fetched], [10, 0, 0, 100]);
  }));

Deno.test("nationalities in another order are the same backfill, and others are another", () =>
  withRig(async (rig) => {
    const of = (nat: string) => backfill(options(rig, {}, { asked: ask({ seed: "s", page: null, nat }) }));
    await of("us,gb");
    const { done, before } = await of("gb, us,gb");
    assert.deepEqual([done, before, rig.asked.length, rig.asked[0]!.nat], [10, 10, 10, "us,gb"]);
    assert.equal((await of("gb")).before, 0);
  }));

Deno.test("a page that fails holds up no other, and the same request again tries it", () =>
  withRig(async (rig) => {
    rig.gives(async function* ({ page }) {
      if (page === 5) throw new UserpipeError("source-answer", "it is broken", "wait");
      yield 100;
    });
    const report = await backfill(options(rig));
    assert.deepEqual([report.done, report.failed, report.error?.message], [9, 1, "it is broken"]);
    rig.gives(hundred);
    const again = await backfill(options(rig));
    assert.deepEqual([again.done, again.before, again.failed], [10, 9, 0]);
  }));

Deno.test("where page after page fails it is given up, and the rest stays queued", () =>
  withRig(async (rig) => {
    rig.gives(async function* () {
      yield 0;
      throw new UserpipeError("source-unreachable", "it is away", "wait");
    });
    const report = await backfill(options(rig, {}, { concurrency: 1 }));
    assert.deepEqual([report.done, report.failed, rig.asked.length], [0, 3, 3]);
    assert.deepEqual((await rig.runs.stats(0)).states, { failed: 3, queued: 7 });
  }));
