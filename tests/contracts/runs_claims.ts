/** The contract of the runs port: what becomes of runs whose process is gone, and that one process is given each. */
import assert from "node:assert/strict";
import type { Run, Runs } from "../../src/runs/runs.ts";
import { end, eventually, get, idsOf, newRun, open, type RecordOfRuns, TARGET, type Test } from "./runs_kit.ts";

const stateOf = async (runs: Runs, id: string) => (await get(runs, id)).state;

/** The runs that a process is given, once there are so many. */
function given({ goneMs }: RecordOfRuns, runs: Runs, count: number): Promise<Run[]> {
  return eventually(goneMs, `${count} runs to fetch again`, async () => {
    const found = await runs.interrupted(TARGET);
    return found.length === count && found;
  });
}

export function claims(test: Test): void {
  test("a run of a process that is gone is interrupted, and one process is given it with all that it asks", async (record) => {
    const gone = await record.open();
    await gone.runs.begin(newRun("1"));
    await gone.runs.begin(newRun("2"));
    await gone.runs.end("2", end());
    const [one, other] = await open(record, 2);
    await other!.begin(newRun("3"));
    assert.deepEqual(await one!.interrupted(TARGET), [], "all of them live");
    await gone.crash();
    const [run] = await given(record, one!, 1);
    const { queuedAt, startedAt, bytes, ...rest } = run!;
    assert.deepEqual([startedAt, bytes], [queuedAt, 0]);
    const counts = { fetched: 0, published: 0, outbox: 0, refused: 0 };
    assert.deepEqual(rest, {
      ...{ ...newRun("1"), ...counts, state: "interrupted", endedAt: null, error: null, attempts: 1 },
      ...{ workedMs: 0, attemptSince: null },
    });
    assert.deepEqual(await other!.interrupted(TARGET), [], "it is claimed");
    assert.deepEqual(idsOf(await one!.interrupted(TARGET)), ["1"], "claimed and not begun, it is given again");
    assert.deepEqual([await stateOf(one!, "2"), await stateOf(one!, "3")], ["delivered", "running"]);
  });

  test("whoever looks sees that a run was interrupted, before anybody takes it", async (record) => {
    const gone = await record.open();
    const [runs] = await open(record, 1);
    await gone.runs.begin(newRun("1"));
    await gone.runs.begin(newRun("2", { sourceKind: "file" }));
    await gone.crash();
    const states = ["interrupted"] as const;
    await eventually(record.goneMs, "it is seen", async () => (await runs!.list({ states })).length === 2);
    assert.equal(await stateOf(runs!, "1"), "interrupted");
    assert.deepEqual((await runs!.stats(0)).states, { interrupted: 2 });
  });

  test("the next attempt of a run belongs to whoever began it, and nobody else ends it", async (record) => {
    const gone = await record.open();
    await gone.runs.begin(newRun("1"));
    const [one, other] = await open(record, 2);
    await gone.crash();
    await given(record, one!, 1);
    await assert.rejects(other!.again("1"));
    assert.equal(await one!.end("1", end()), false, "it is not begun");
    assert.equal(await one!.again("1"), 2);
    assert.equal(await other!.end("1", end()), false);
    assert.equal(await stateOf(other!, "1"), "running");
    assert.equal(await one!.end("1", end()), true);
    const { state, tries } = await get(other!, "1");
    assert.deepEqual([state, ...tries.map(({ endedAt }) => endedAt === null)], ["delivered", true, false]);
    assert.deepEqual(await other!.interrupted(TARGET), []);
  });

  test("a run that was to be tried again is interrupted by the end of its process", async (record) => {
    const gone = await record.open();
    const [runs] = await open(record, 1);
    await gone.runs.begin(newRun("1"));
    await gone.runs.end("1", end({ state: "running", error: "away", nextAt: Date.now() + 60_000 }));
    await gone.crash();
    await given(record, runs!, 1);
    assert.deepEqual((await get(runs!, "1")).tries.map(({ nextAt }) => nextAt), [null]);
    assert.equal(await runs!.again("1"), 2);
  });

  test("what is claimed by a process that is gone goes to the next, begun or not", async (record) => {
    const gone = await record.open();
    await gone.runs.begin(newRun("1"));
    await gone.runs.begin(newRun("2"));
    const next = await record.open();
    await gone.crash();
    await given(record, next.runs, 2);
    await next.runs.again("2");
    const [last] = await open(record, 1);
    await next.crash();
    assert.deepEqual(idsOf(await given(record, last!, 2)), ["1", "2"], "oldest first");
    assert.deepEqual([await last!.again("1"), await last!.again("2")], [2, 3]);
  });

  test("an interrupted run is fetched again where its end says so, by anyone", async (record) => {
    const [one, other] = await open(record, 2);
    await one!.begin(newRun("1"));
    await one!.begin(newRun("2"));
    await one!.end("1", end({ state: "interrupted", again: true }));
    await one!.end("2", end({ state: "interrupted", again: false }));
    await one!.begin(newRun("3", { sourceKind: "file" }));
    await one!.end("3", end({ state: "interrupted", again: true }));
    assert.deepEqual([await stateOf(one!, "1"), await stateOf(one!, "2")], ["interrupted", "interrupted"]);
    assert.deepEqual(idsOf(await other!.interrupted(TARGET)), ["1"]);
    assert.equal(await other!.again("1"), 2);
    await other!.end("1", end({ state: "interrupted", again: true, error: "away" }));
    assert.deepEqual(idsOf(await one!.interrupted(TARGET)), ["1"]);
    assert.equal(await one!.again("1"), 3);
  });

  test("files and generated records are given to nobody, and another target's runs only to who has it", async (record) => {
    const gone = await record.open();
    const others = { topic: { ...TARGET, topic: "o" }, broker: { ...TARGET, broker: "kafka" as const } };
    await gone.runs.begin(newRun("file", { sourceKind: "file", seed: null, page: null, count: null }));
    await gone.runs.begin(newRun("generated", { sourceKind: "generated" }));
    await gone.runs.begin(newRun("topic", { target: others.topic }));
    await gone.runs.begin(newRun("broker", { target: others.broker }));
    await gone.runs.begin(newRun("pipeline", { target: { ...TARGET, pipeline: "o" } }));
    await gone.runs.begin(newRun("own", { url: null, nat: null, kind: "scheduled" }));
    const [runs] = await open(record, 1);
    await gone.crash();
    assert.deepEqual(idsOf(await given(record, runs!, 1)), ["own"]);
    assert.deepEqual(idsOf(await runs!.interrupted(others.topic)), ["topic"]);
    const { length } = await runs!.list({ states: ["interrupted"] });
    assert.equal(length, 6);
  });

  test("of many processes that look at once, each run is given to one", async (record) => {
    const gone = await record.open();
    const ids = Array.from({ length: 20 }, (_, n) => String(n + 10));
    for (const id of ids) await gone.runs.begin(newRun(id));
    const all = await open(record, 4);
    await gone.crash();
    const found = new Map<string, Set<number>>();
    await eventually(record.goneMs, "all are given", async () => {
      const looks = await Promise.all(all.map((runs) => runs.interrupted(TARGET)));
      looks.forEach((runs, n) => runs.forEach(({ id }) => found.set(id, (found.get(id) ?? new Set()).add(n))));
      return found.size === ids.length;
    });
    assert.deepEqual([...found.values()].filter(({ size }) => size !== 1), []);
  });
}
