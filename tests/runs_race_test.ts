/** Real processes on one embedded record of runs, at once, and killed at any instant. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { newRun, pause, SCHEDULE } from "./contracts/runs_kit.ts";
import { withFolder } from "./support/cli.ts";
import { LONG } from "./support/size.ts";

const RACER = fileURLToPath(new URL("support/runs_racer.ts", import.meta.url));
const PROCESSES = 3;
const KILLS = LONG ? 100 : 5;

interface Racer {
  process: Deno.ChildProcess;
  /** All that it wrote by its end. */
  output: Promise<Deno.CommandOutput>;
}

function race(folder: string, name: string): Racer {
  const args = ["run", "--no-check", "-A", RACER, join(folder, "runs.db"), name, join(folder, "stop")];
  const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "piped" }).spawn();
  return { process, output: process.output() };
}

const linesOf = ({ stdout }: Deno.CommandOutput) =>
  new TextDecoder().decode(stdout).split("\n").filter((id) => id !== "");

Deno.test("processes that race and are killed record each due time once, and end each run once", () =>
  withFolder(async (folder) => {
    const runs = openSqliteRuns(join(folder, "runs.db"));
    const racers = Array.from({ length: PROCESSES }, (_, n) => race(folder, `racer ${n}`));
    const killed: Deno.CommandOutput[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await runs.queue(Array.from({ length: 20 }, (_, n) => newRun(`queued ${kill} ${n}`)));
      await pause(400 + Math.random() * 400);
      const [{ process, output }] = racers.splice(0, 1) as [Racer];
      process.kill("SIGKILL");
      killed.push(await output);
      racers.push(race(folder, `racer ${PROCESSES + kill}`));
    }
    Deno.writeTextFileSync(join(folder, "stop"), "");
    const left = await Promise.all(racers.map(({ output }) => output));
    for (const { code, stderr } of left) assert.equal(code, 0, new TextDecoder().decode(stderr));

    const all = await runs.list({ limit: 1_000_000 });
    assert.deepEqual(all.filter(({ state }) => state !== "delivered"), []);
    assert.equal(all.filter(({ kind }) => kind === "manual").length, 20 * KILLS);
    const times = all.flatMap(({ scheduledAt }) => scheduledAt ?? []).sort((a, b) => a - b);
    assert.ok(times.length > 100, `${times.length} due times`);
    assert.deepEqual(times, times.map((_, n) => (n + 1) * SCHEDULE.definition.every), "each once, and none left out");
    for (const { id } of all) {
      const { tries, log } = (await runs.get(id))!;
      assert.equal(tries.filter(({ endedAt }) => endedAt !== null).length, 1, `${id} ended once`);
      assert.ok(log.length >= 1 && log.length <= tries.length, `${id} has a line of each attempt that came so far`);
    }
    const told = [...killed, ...left].flatMap(linesOf);
    assert.equal(new Set(told).size, told.length, "no end was taken from two");
    assert.ok(all.length - told.length <= KILLS, "each was told, but by those killed before they could");
    assert.ok([...killed, ...left].filter((output) => linesOf(output).length > 0).length > PROCESSES);
    await runs.close();
  }));
