/** `demo`: the whole way once on the embedded ends, by the code that `up` runs, worker included. */
import { EXIT, type UserpipeError } from "../errors.ts";
import { directly } from "../ingest/publish.ts";
import type { RunReport } from "../ingest/run.ts";
import { namesOf } from "../open.ts";
import { list } from "../query/query.ts";
import type { Settings } from "../settings.ts";
import { printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withEnds, withRuns } from "./ends.ts";
import { makeRun } from "./ingest.ts";
import { initEnds } from "./init.ts";
import { runOptions } from "./run_options.ts";
import { carry } from "./stream.ts";
import { counted, grouped, seconds } from "./terminal.ts";

const DEMO_COUNT = 1_000;

export async function demo(given: Context): Promise<number> {
  const context = { ...given, settings: demoSettings(given.settings) };
  const { settings, terminal } = context;
  const started = performance.now();
  return await withEnds(settings, (broker, store) =>
    withRuns(settings, async (runs) => {
      await initEnds(settings, broker, store, terminal);
      const publishing = { broker, publisher: directly(broker) };
      const ingest = (settings: Settings) =>
        makeRun(settings, runOptions(settings, publishing, runs, { own: true, signal: context.stop }), terminal);
      const report = await withFallback(ingest, settings, (line) => terminal.print(line));
      const { published, refused, source, ms } = report;
      const { noun } = namesOf(settings).pipeline;
      terminal.print(
        `ingest    ${counted(published, noun)} from ${source} in ${seconds(ms)}, ${grouped(refused)} refused`,
      );
      const streamed = performance.now();
      const { rows } = await carry(context);
      const streamMs = performance.now() - streamed;
      const rate = grouped(rows / (streamMs / 1000));
      terminal.print(`stream    ${counted(rows, "row")} written in ${seconds(streamMs)}, ${rate} rows/s`);
      const total = await store.count();
      const { name, keyspace } = namesOf(settings).table;
      terminal.print(`query     ${counted(total, "row")} in ${keyspace}.${name}; five of them:`);
      const five = list(store, { ...namesOf(settings).table, columns: shownColumns(settings) }, 5);
      await printAnswer(five, "table", terminal);
      terminal.print(`done      in ${seconds(performance.now() - started)}. Next: userpipe up`);
      return EXIT.done;
    }));
}

function demoSettings(settings: Settings): Settings {
  return { ...settings, dataDir: "./userpipe-demo", count: settings.count ?? DEMO_COUNT, untilCaughtUp: true };
}

function shownColumns(settings: Settings) {
  const { table, pipeline: { glance } } = namesOf(settings);
  return table.columns.filter(({ name }) => glance.includes(name));
}

/** The run, or where the source failed one of as many generated records. */
async function withFallback(
  ingest: (settings: Settings) => Promise<RunReport>,
  settings: Settings,
  say: (line: string) => void,
): Promise<RunReport> {
  const report = await ingest(settings);
  if (report.error === undefined) return report;
  const instead = counted(settings.count!, namesOf(settings).pipeline.noun);
  say(`ingest    ${(report.error as UserpipeError).message}. Generating ${instead} instead`);
  const generated = await ingest({ ...settings, generate: settings.count });
  if (generated.error !== undefined) throw generated.error;
  return generated;
}
