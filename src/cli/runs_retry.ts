/** `runs retry`: the next attempt of a run that has ended, by the same seed and page. */
import { UserpipeError } from "../errors.ts";
import { isLed } from "../ingest/triggered.ts";
import { targetOf } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Context } from "./command.ts";
import { seeMade } from "./made_run.ts";
import { shortId } from "./run_rows.ts";
import { idOf } from "./runs_show.ts";

export async function retryRun(context: Context, runs: Runs, prefix: string): Promise<number> {
  const id = await idOf(runs, prefix);
  const run = (await runs.get(id))!;
  const own = targetOf(context.settings);
  const { pipeline, broker, topic } = run.target;
  const same = pipeline === own.pipeline && broker === own.broker && topic === own.topic;
  if (!same && (run.kind === "backfill" || !await isLed(runs, run.target))) {
    throw new UserpipeError(
      "usage",
      `The run ${shortId(id)} is of the topic "${topic}" of the ${broker} broker, and no process runs its schedule`,
      "Name them with --topic and --brokers, and it is made here",
    );
  }
  const whyNot = await runs.retry(id);
  if (whyNot !== null) throw new UserpipeError("usage", whyNot, `See userpipe runs show ${shortId(id)}`);
  return await seeMade(context, runs, run);
}
