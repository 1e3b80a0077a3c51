/** `runs retry`: the next attempt of a run that has ended, by the same seed and page. */
import { UserpipeError } from "../errors.ts";
import { withoutSecrets } from "../hidden.ts";
import { isLed } from "../ingest/triggered.ts";
import { targetOf } from "../open.ts";
import type { Run, Runs } from "../runs/runs.ts";
import type { Context } from "./command.ts";
import { seeMade } from "./made_run.ts";
import { shortId } from "./run_rows.ts";
import { idOf } from "./runs_show.ts";

export async function retryRun(context: Context, runs: Runs, prefix: string): Promise<number> {
  const id = await idOf(runs, prefix);
  const run = (await runs.get(id))!;
  assertSameAddress(context, run);
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

/** A variable is for all commands; a flag that names another address would be ignored. @throws {UserpipeError} `usage` */
function assertSameAddress({ settings: { url }, flagOf }: Context, run: Run): void {
  if (url === undefined || flagOf("url") === undefined) return;
  const named = withoutSecrets(url);
  if (named === run.url) return;
  const asked = run.url ?? run.source;
  throw new UserpipeError(
    "usage",
    `The run ${shortId(run.id)} asks "${asked}" again, and --url names "${named}"`,
    "Leave out --url, or make another run with userpipe trigger",
  );
}
