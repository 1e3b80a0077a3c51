/** `trigger`: one run now, from another terminal, as the schedule makes its own. */
import { withoutSecrets } from "../hidden.ts";
import { newSeed } from "../ingest/run.ts";
import { triggeredRun } from "../ingest/triggered.ts";
import { quotaLimits } from "../ingest/quota.ts";
import { askedOf, namesOf, openAsRecorded, targetOf } from "../open.ts";
import type { NewRun, Run, Runs } from "../runs/runs.ts";
import type { SettingName, Settings } from "../settings.ts";
import { assertNone } from "../settings_fit.ts";
import { shown } from "../shown.ts";
import type { Context } from "./command.ts";
import { withRuns } from "./ends.ts";
import { seeMade } from "./made_run.ts";
import { askedText } from "./run_rows.ts";

export async function trigger(context: Context): Promise<number> {
  const { settings } = context;
  return await withRuns(settings, async (runs) => {
    const run = await runOf(context, runs);
    await runs.queue([run]);
    return await seeMade(context, runs, run);
  });
}

/** What the schedule asked for at its last run, with what the flags say in its place; without one, what they say. */
async function runOf({ settings, flagOf, terminal }: Context, runs: Runs): Promise<NewRun> {
  const { pipeline } = namesOf(settings);
  let unknown = false;
  const run = await triggeredRun({
    runs,
    target: targetOf(settings),
    quota: quotaLimits(pipeline, settings.quota),
    // What the schedule asks the process that runs it will make; anything else is asked by the settings themselves.
    openSource: (asked) => openAsRecorded(settings, asked),
    changes(last) {
      const [given, because, not] = OF_KIND[last.sourceKind];
      assertNone(not, given, because, flagOf);
      return changed(last, settings);
    },
    otherwise(led) {
      unknown = led;
      return askedOf(settings, newSeed());
    },
  });
  if (unknown) {
    const asks = `this one asks what the settings of this command say: ${askedText(run)}`;
    terminal.note(shown(`The schedule has made no run yet that one could go by, so that ${asks}.`));
  }
  return run;
}

/** What a schedule's source has no use for. */
const OF_KIND: Record<Run["sourceKind"], readonly [given: string, because: string, not: readonly SettingName[]]> = {
  http: ["", "", []],
  generated: ["a schedule that generates its records", "no server is asked", ["page", "nat", "url"]],
  file: [
    "a schedule that reads a file",
    "it is read whole, and no server is asked",
    ["count", "seed", "page", "nat", "url"],
  ],
};

function changed({ sourceKind, url, nat, count, page }: Run, settings: Settings) {
  return {
    seed: settings.seed ?? newSeed(),
    page: sourceKind === "http" ? settings.page : page,
    count: settings.count ?? count,
    url: settings.url === undefined ? url : withoutSecrets(settings.url),
    nat: settings.nat ?? nat,
  };
}
