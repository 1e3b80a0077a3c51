/** `trigger`: one run now, from another terminal, as the schedule makes its own. */
import { withoutSecrets } from "../hidden.ts";
import { newSeed } from "../ingest/run.ts";
import { triggeredRun } from "../ingest/triggered.ts";
import { askedOf, openSource, targetOf } from "../open.ts";
import type { NewRun, Run, Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { withRuns } from "./ends.ts";
import { seeMade } from "./made_run.ts";

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
  return await triggeredRun({
    runs,
    target: targetOf(settings),
    openSource: (asked) => openSource(settings, asked),
    changes: (last) => changed(last, settings),
    otherwise: () => askedOf(settings, newSeed()),
  });
}

function changed({ sourceKind, url, nat, count, page }: Run, settings: Settings) {
  return {
    seed: settings.seed ?? newSeed(),
    page: sourceKind === "http" ? settings.page : page,
    count: settings.count ?? count,
    url: settings.url === undefined ? url : withoutSecrets(settings.url),
    nat: settings.nat ?? nat,
  };
}
