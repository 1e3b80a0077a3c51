/** The live figures of a command that keeps running, written for as long as it works. */
import { type LiveProcess, LiveReporter } from "../live.ts";
import { metrics } from "../metrics.ts";
import { namesOf, openRuns, targetOf } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { VERSION } from "../version.ts";

export interface LiveOptions {
  settings: Settings;
  command: LiveProcess["command"];
  /** Left out, the record is opened at the first write, and not made where it is not there. */
  runs?: Runs;
}

/** Of what `work` puts among the process's metrics. Where they cannot be written, `work` goes on all the same. */
export async function withLive<T>(options: LiveOptions, work: () => Promise<T>): Promise<T> {
  let own: Promise<Runs> | undefined;
  const opened = () => own ??= openRuns(options.settings, { make: false });
  const reporter = new LiveReporter({
    about: aboutOf(options),
    record: async () => (options.runs ?? await opened()).live,
    figures: () => ({ ingest: metrics.ingest?.figures(), stream: metrics.stream?.figures() }),
  });
  metrics.changed = () => reporter.changed();
  try {
    return await work();
  } finally {
    metrics.changed = undefined;
    reporter.close();
    // One that could not be opened was said by the reporter.
    await own?.then((runs) => runs.close(), () => {});
  }
}

function aboutOf({ settings, command }: LiveOptions): LiveProcess {
  const { table } = namesOf(settings);
  return {
    process: crypto.randomUUID(),
    host: Deno.hostname(),
    pid: Deno.pid,
    command,
    version: VERSION,
    startedAt: Date.now(),
    ends: {
      ...targetOf(settings),
      group: settings.group,
      store: settings.contactPoints === undefined ? "embedded" : "cassandra",
      table: `${table.keyspace}.${table.name}`,
    },
  };
}
