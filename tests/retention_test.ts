/** The record of runs is kept small by age and by number, now and then again and again, also after it was away. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { keepPruned } from "../src/ingest/retention.ts";
import { start, succeeds, until, withFolder } from "./support/cli.ts";

async function prunedBy(maxAgeMs: number, answers: (() => number)[]): Promise<[number, number | undefined][]> {
  const calls: [number, number | undefined][] = [];
  const ended = new AbortController();
  const runs = {
    async prune(before: number, keep?: number) {
      calls.push([before, keep]);
      if (calls.length >= answers.length) ended.abort();
      return answers[calls.length - 1]!();
    },
  };
  await keepPruned({ runs, maxAgeMs, maxCount: 5, everyMs: 1, signal: ended.signal });
  return calls;
}

Deno.test("it prunes at once and again, by age and number; a record that is away or a defect does not end it", async () => {
  const away = () => {
    throw new UserpipeError("data-folder", "it is away", "wait");
  };
  const defect = () => {
    throw new Error("a defect");
  };
  const calls = await prunedBy(60_000, [() => 3, away, defect, () => 0]);
  assert.equal(calls.length, 4);
  for (const [before, keep] of calls) {
    assert.ok(Math.abs(before - (Date.now() - 60_000)) < 5_000);
    assert.equal(keep, 5);
  }
});

Deno.test("kept for ever, runs go by their number only", async () => {
  assert.deepEqual(await prunedBy(-1, [() => 0]), [[0, 5]]);
});

Deno.test("a schedule removes what is too many", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    for (const n of ["1", "2", "3"]) await succeeds(["ingest", "--generate", n], { cwd });
    const ids = async () =>
      (await succeeds(["runs"], { cwd })).trimEnd().split("\n").map((line) => JSON.parse(line).count);
    await using running = start(["ingest", "--cron", "0 0 1 1 *", "--generate", "9", "--runs-max-count", "2"], { cwd });
    await running.printed("Removed 1 old runs");
    await until(async () => (await ids()).length === 2, 30_000, () => running.output);
    assert.deepEqual(await ids(), [3, 2]);
    running.signal("SIGTERM");
    assert.equal(await running.ended, 0, running.output);
  }));
