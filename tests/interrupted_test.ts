/** What a process does about interrupted runs: each is tried once a look, and none holds up another or the process. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { fetchInterrupted, type InterruptedOptions, keepFetchingInterrupted } from "../src/ingest/interrupted.ts";
import type { RunReport } from "../src/ingest/run.ts";
import { noCounts } from "../src/ingest/ingest.ts";
import type { Run, Runs } from "../src/runs/runs.ts";

const AWAY = new UserpipeError("source-unreachable", "it is away", "wait");

function run(id: string, url: string): Run {
  const asked = { source: url, sourceKind: "http", seed: id, page: 1, count: 5, url, nat: null } as const;
  const target = { pipeline: "users", broker: "embedded", topic: "t" } as const;
  const times = { scheduledAt: null, queuedAt: 1, startedAt: 1, endedAt: null };
  return {
    id,
    kind: "manual",
    target,
    ...asked,
    ...times,
    ...noCounts(),
    state: "interrupted",
    error: null,
    attempts: 1,
    workedMs: 0,
    attemptSince: null,
  };
}

function report({ id, kind, seed, source, page, scheduledAt }: Run, error?: UserpipeError): RunReport {
  const counts = { fetched: 5, published: 4, outbox: 0, refused: 1, bytes: 900 };
  const state = error === undefined ? "delivered" : "interrupted";
  const why = error?.message ?? null;
  return { ...counts, id, kind, scheduledAt, seed, source, page, attempts: 2, ms: 1, state, error, why };
}

/** Options over runs that are given at every look until they are done; `tried` and `done` are filled as it goes. */
function looking(given: Run[], again: InterruptedOptions["again"], also: Partial<InterruptedOptions> = {}) {
  const [tried, done]: [string[], string[]] = [[], []];
  const interrupted: Runs["interrupted"] = async () => given.filter(({ id }) => !done.includes(id));
  const options: InterruptedOptions = {
    runs: { interrupted } as Runs,
    target: { pipeline: "users", broker: "embedded", topic: "t" },
    again,
    onAgain: ({ id }) => void tried.push(id),
    onDone: ({ id }) => void done.push(id),
    signal: new AbortController().signal,
    ...also,
  };
  return { options, tried, done };
}

Deno.test("a server that is away is asked for one of its runs, and those of other servers are fetched", async () => {
  const given = [run("1", "gone"), run("2", "gone"), run("3", "here")];
  const { options, tried, done } = looking(given, async (run) => report(run, run.url === "gone" ? AWAY : undefined));
  assert.deepEqual(await fetchInterrupted(options), { left: true, refused: 2 });
  assert.deepEqual({ tried, done }, { tried: ["1", "3"], done: ["3"] });
});

Deno.test("a record of runs that cannot be read does not end the process", async () => {
  const interrupted = () => Promise.reject(new UserpipeError("data-folder-busy", "it is held", "wait"));
  const { options } = looking([], () => assert.fail(), { runs: { interrupted } as unknown as Runs });
  assert.deepEqual(await fetchInterrupted(options), { left: true, refused: 0 });
});

Deno.test("a defect in one run holds up no other", async () => {
  const again = async (run: Run) => run.id === "1" ? assert.fail() : report(run);
  const { options, done } = looking([run("1", "a"), run("2", "a")], again);
  assert.deepEqual(await fetchInterrupted(options), { left: true, refused: 1 });
  assert.deepEqual(done, ["2"]);
});

Deno.test("behind the signal no other run is begun", async () => {
  const stop = new AbortController();
  const again = async (run: Run) => (stop.abort(), report(run));
  const { options, tried } = looking([run("1", "a"), run("2", "b")], again, { signal: stop.signal });
  assert.deepEqual(await fetchInterrupted(options), { left: true, refused: 1 });
  assert.deepEqual(tried, ["1"]);
});

Deno.test("a schedule tries again until the server is back, and goes on looking until it is stopped", async () => {
  const stop = new AbortController();
  let looks = 0;
  const again = async (run: Run) => report(run, ++looks < 3 ? AWAY : undefined);
  const also = { signal: stop.signal, look: { firstMs: 1, maxMs: 2 } };
  const { options, tried, done } = looking([run("1", "a")], again, also);
  const { interrupted } = options.runs;
  options.runs.interrupted = async (target) => {
    if (done.length > 0) stop.abort();
    return await interrupted(target);
  };
  await keepFetchingInterrupted(options, await fetchInterrupted(options));
  assert.deepEqual({ tried, done }, { tried: ["1", "1", "1"], done: ["1"] });
});
