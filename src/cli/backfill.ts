/** `backfill`: a range of pages of a seed, one run a page, with a bar on a terminal and a line a page in a pipe. */
import { EXIT, UserpipeError } from "../errors.ts";
import { backfill as fetchPages, type BackfillReport } from "../ingest/backfill.ts";
import { mayFetch } from "../ingest/topic_seen.ts";
import { askedOf, namesOf } from "../open.ts";
import type { Context } from "./command.ts";
import { withRuns } from "./ends.ts";
import { withNotifier } from "./ingest.ts";
import { withPublishing } from "./publishing.ts";
import { runOptions } from "./run_options.ts";
import { reportLine } from "./run_report.ts";
import { shortId } from "./run_rows.ts";
import { counted, grouped, seconds, SEE_REFUSED, type Terminal } from "./terminal.ts";
import { wholeSpan } from "./times.ts";

export async function backfill(context: Context): Promise<number> {
  const { settings, terminal, stop } = context;
  const { seed, pages, concurrency } = settings;
  if (seed === undefined) throw usage("A backfill wants --seed: without one no page is given again");
  if (pages === undefined) throw usage("A backfill wants --pages, as in 1..100");
  const asked = askedOf(settings, seed);
  const { maxResults } = namesOf(settings).pipeline;
  // The records of a larger one would be those of several pages.
  if (asked.count! > maxResults) throw usage(`--count is ${asked.count}, and a page has ${maxResults} at the most`);
  const began = performance.now();
  let latest: BackfillReport | undefined;
  const onProgress = (report: BackfillReport) => {
    latest = report;
    terminal.show(barLine(report, performance.now() - began, terminal.width));
  };
  return await withPublishing(
    settings,
    (publishing) =>
      withRuns(settings, (runs) =>
        withNotifier(settings, runs, async (notify) => {
          const run = { ...runOptions(settings, publishing, runs, { own: false, signal: stop }), notify };
          await mayFetch(run);
          const report = await fetchPages({
            ...{ run, asked, pages, concurrency, onProgress },
            onReport: (made) => {
              const failed = made.state !== "delivered" && made.state !== "to outbox";
              if (!terminal.live || !terminal.interactive || failed) {
                terminal.print(`${reportLine(made)}, run ${shortId(made.id)}`);
              }
              if (latest !== undefined) onProgress(latest);
            },
          });
          terminal.clear();
          return ended(report, performance.now() - began, terminal, stop.aborted);
        })),
  );
}

function ended(report: BackfillReport, ms: number, terminal: Terminal, stopped: boolean): number {
  const { pages, done, before, failed, elsewhere, counts, error } = report;
  const already = before === 0 ? "" : `, ${grouped(before)} of them before`;
  const [where, kept] = counts.outbox === 0
    ? ["delivered", ""]
    : ["delivered or in the outbox", ` in the outbox ${grouped(counts.outbox)},`];
  terminal.print(
    `backfill  ${grouped(done)} of ${counted(pages, "page")} ${where}${already}, ${grouped(failed)} failed; fetched ${
      grouped(counts.fetched)
    }, published ${grouped(counts.published)},${kept} refused ${grouped(counts.refused)} in ${seconds(ms)}`,
  );
  if (elsewhere > 0) {
    terminal.note(`${counted(elsewhere, "page")} ${elsewhere === 1 ? "is" : "are"} under way in another process.`);
  }
  if (counts.refused > 0) terminal.note(SEE_REFUSED);
  const left = pages - done - elsewhere;
  if (left > 0) terminal.note(`Left: ${counted(left, "page")}. The same command again makes what is left.`);
  // A page that failed here may have been made by another process since.
  if (error !== undefined && left > 0 && !stopped) throw error;
  return left > 0 && !stopped || counts.refused > 0 ? EXIT.found : EXIT.done;
}

const BAR_WIDTH = 20;

/** `████████░░░░  34 % · 34 of 100 pages · 3,400 records · 12s left`. */
function barLine({ pages, done, before, failed, counts }: BackfillReport, ms: number, width: number): string {
  const share = done / pages;
  const full = Math.floor(share * BAR_WIDTH);
  const made = done - before;
  const parts = [
    `${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)} ${Math.floor(share * 100)} %`,
    `${grouped(done)} of ${counted(pages, "page")}`,
    `${counted(counts.fetched, "record")}`,
    ...(failed > 0 ? [`${grouped(failed)} failed`] : []),
    ...(made > 0 && done < pages ? [`${wholeSpan(ms / made * (pages - done))} left`] : []),
  ];
  return parts.join(" · ").slice(0, width);
}

function usage(message: string): UserpipeError {
  return new UserpipeError("usage", message, "As in userpipe backfill --seed 2026 --pages 1..100");
}
