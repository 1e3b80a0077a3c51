/** What became of a run, in a line of results, and as the exit code of a command that waited for it. */
import { EXIT } from "../errors.ts";
import type { RunReport } from "../ingest/run.ts";
import type { Run } from "../runs/runs.ts";
import { shown } from "../shown.ts";
import { tookMs } from "./run_rows.ts";
import { grouped, seconds } from "./terminal.ts";

type Reported = Pick<
  RunReport,
  "fetched" | "published" | "outbox" | "refused" | "state" | "seed" | "page" | "source" | "kind"
>;

export function reportLine(run: Reported & { ms: number }): string {
  const { kind, fetched, published, outbox, refused, ms, state, seed, page, source } = run;
  const seeded = seed === null ? "" : `, seed ${seed}${kind === "backfill" ? `, page ${page}` : ""}`;
  const kept = outbox === 0 ? "" : ` in the outbox ${grouped(outbox)},`;
  const counts = `fetched ${grouped(fetched)}, published ${grouped(published)},${kept} refused ${grouped(refused)}`;
  return shown(`${state.padEnd(9)} ${counts} in ${seconds(ms)} from ${source}${seeded}`);
}

/** As another process left it on record. */
export function recordLine(run: Run): string {
  return reportLine({ ...run, ms: tookMs(run) ?? 0 });
}

export function exitOf({ state, refused }: Pick<Run, "state" | "refused">): number {
  return (state === "delivered" || state === "to outbox") && refused === 0 ? EXIT.done : EXIT.found;
}
