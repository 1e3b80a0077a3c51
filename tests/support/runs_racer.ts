/**
 * A process that does all that one does with a record of runs: `deno run runs_racer.ts PATH NAME STOP`. It leads, records due
 * times, takes what is queued or was cut, and ends it; a line says what it ended. Once the file STOP is there it records no
 * more times, and ends when no run is left.
 */
import { existsSync } from "node:fs";
import { openSqliteRuns } from "../../src/runs/sqlite.ts";
import { end, pause, SCHEDULE, TARGET, tick } from "../contracts/runs_kit.ts";

export const PERIOD_MS = SCHEDULE.definition.every;

const [path, name, stop] = Deno.args as [string, string, string];
const runs = openSqliteRuns(path);

async function ended(id: string): Promise<void> {
  await runs.log(id, [{ attempt: 1, at: 1, level: "info", text: name }]);
  if (await runs.end(id, end())) console.log(id);
}

/** Records the next times, and one that has a run. */
async function lead(): Promise<void> {
  const lead = await runs.lead(SCHEDULE);
  if (lead === null) return;
  const { lastTick } = (await runs.schedules())[0]!;
  const times = [0, 1, 2].map((n) => (lastTick ?? PERIOD_MS) + n * PERIOD_MS);
  const due = times.map((time) => tick(time, "running", { id: `${time} by ${name}` }));
  for (const { run } of await runs.tick(lead, due) ?? []) await ended(run.id);
  await runs.yield(lead);
}

for (;;) {
  const stopping = existsSync(stop);
  if (!stopping) await lead();
  const taken = await runs.takeQueued(TARGET, ["manual"]);
  if (taken !== null) await ended(taken.id);
  for (const { id } of await runs.interrupted(TARGET)) {
    await runs.again(id);
    await ended(id);
  }
  if (stopping && (await runs.list({ states: ["queued", "running", "interrupted"] })).length === 0) break;
  await pause(Math.random() * 5);
}
await runs.close();
