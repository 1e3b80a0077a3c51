/** Trouble that comes again and again: said once, then now and then with how often, and once when it is over. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import type { KeepOptions } from "../src/ingest/keep.ts";
import { Trouble } from "../src/ingest/trouble.ts";
import { collectLog, configureLog } from "../src/log.ts";
import type { Runs } from "../src/runs/runs.ts";
import { until } from "./support/cli.ts";
import { DrivenClock, keeping, timetableIs, withRig } from "./support/schedule.ts";

const FULL = new UserpipeError("data-folder-busy", "the disk is full", "Make room");

Deno.test("it is said once, once a minute with how often, and once when all has gone well for a while", () => {
  let now = 0;
  const said: string[] = [];
  const say = (text: string, words: Record<string, unknown>) =>
    said.push(text.replaceAll(/\{(\w+)\}/g, (_, name) => String(words[name])));
  const log = { warning: say, info: say } as unknown as ConstructorParameters<typeof Trouble>[0]["log"];
  const trouble = new Trouble({ log, what: "The record", meanwhile: "No run begins", now: () => now });
  trouble.well();
  // Every other time it goes well, as on a disk that is nearly full.
  for (; now < 150_000; now += 3_000) now % 6_000 === 0 ? trouble.failed(FULL) : trouble.well();
  assert.deepEqual(said.splice(0), [
    "the disk is full. Make room. No run begins",
    "the disk is full: 11 times in 60 s now. No run begins",
    "the disk is full: 21 times in 120 s now. No run begins".replace("120 s", "2 min 0 s"),
  ]);
  for (; now < 180_000; now += 3_000) trouble.well();
  assert.deepEqual(said.splice(0), ["The record is back after 2 min 24 s"]);
  trouble.failed(FULL);
  assert.equal(said.length, 1, "the next one is another");
});

Deno.test("a record that takes no writes is said once, and nobody else is said to make the runs", () =>
  withRig(async (rig) => {
    const clock = new DrivenClock();
    const start = clock.time;
    let [full, failed] = [false, 0];
    const refusing =
      <A extends unknown[], T>(work: (...of: A) => Promise<T>, otherwise?: T) => (...of: A): Promise<T> => {
        if (!full) return work(...of);
        failed++;
        return otherwise === undefined ? Promise.reject(FULL) : Promise.resolve(otherwise);
      };
    // A lease that could not be renewed has ended: a time that comes is told that the lead is lost.
    const tick: Runs["tick"] = refusing(rig.runs.tick, null);
    const runs: Runs = { ...rig.runs, lead: refusing(rig.runs.lead), tick };
    const said: string[] = [];
    await configureLog({ level: "debug", format: "json", colour: false });
    const kept: Partial<KeepOptions> = { run: rig.options({ runs }) };
    await collectLog(
      (level, text) => level === "warning" && said.push(text),
      () =>
        keeping(rig, clock, kept, async ({ leads }) => {
          await timetableIs(rig.runs, start, ["0 delivered"]);
          full = true;
          clock.go(1);
          await until(() => failed > 5, 30_000, () => `it failed ${failed} times`);
          clock.go(0);
          await until(() => failed > 10, 30_000, () => `it failed ${failed} times`);
          full = false;
          await timetableIs(rig.runs, start, ["0 delivered", "1 delivered"]);
          assert.deepEqual(leads, [true]);
        }),
    );
    assert.deepEqual(said, ["the disk is full. Make room. No run begins until it is back; what is under way goes on"]);
  }));
