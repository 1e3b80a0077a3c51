/** `trigger`: one run now, from another terminal, as the schedule makes its own. */
import { newRun, newSeed } from "../ingest/run.ts";
import { type Asked, askedOf, openSource } from "../open.ts";
import type { NewRun, Run, Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { withRuns } from "./ends.ts";
import { isLed, seeMade } from "./made_run.ts";
import { targetOf } from "./run_options.ts";

export async function trigger(context: Context): Promise<number> {
  const { settings } = context;
  return await withRuns(settings, async (runs) => {
    const run = await runOf(settings, runs);
    await runs.queue([run]);
    return await seeMade(context, runs, run);
  });
}

/** What the schedule asked for at its last run, with what the flags say in its place; without one, what they say. */
async function runOf(settings: Settings, runs: Runs): Promise<NewRun> {
  const target = targetOf(settings);
  const last = await isLed(runs, target) ? (await runs.list({ target, kinds: ["scheduled"], limit: 1 }))[0] : undefined;
  if (last?.sourceKind === "file") return again(last);
  const asked = last === undefined ? askedOf(settings, newSeed()) : changed(last, settings);
  const open = (asked: Asked) => openSource(settings, asked);
  return await newRun({ openSource: open, target }, "manual", asked);
}

function changed({ sourceKind, url, nat, count, page }: Run, settings: Settings): Asked {
  return {
    sourceKind,
    seed: settings.seed ?? newSeed(),
    page: sourceKind === "http" ? settings.page : page,
    count: settings.count ?? count,
    url: settings.url ?? url,
    nat: settings.nat ?? nat,
  };
}

/** Which file it is only the process that runs the schedule knows. */
function again({ target, source, sourceKind, seed, page, count, url, nat }: Run): NewRun {
  const request = { source, sourceKind, seed, page, count, url, nat };
  return { id: crypto.randomUUID(), kind: "manual", scheduledAt: null, target, ...request };
}
