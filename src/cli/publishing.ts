/** What ingest and replay publish through, open for as long as a command works with it. */
import { type Publishing, publishThrough } from "../ingest/publishing.ts";
import { namesOf, openRegistry, openRuns, openSpool } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import { during, withBroker } from "./ends.ts";

/** Opens the broker, and the outbox in front of it, for as long as `work` takes. */
export async function withPublishing<T>(settings: Settings, work: (publishing: Publishing) => Promise<T>): Promise<T> {
  const { outboxMaxBytes: maxBytes } = settings;
  const { deadLetterTopic } = namesOf(settings);
  return await withBroker(settings, async (broker) => {
    const spool = await openSpool(settings);
    const registry = await openRegistry(settings);
    let opened: Promise<Runs> | undefined;
    const record = () => opened ??= openRuns(settings, { make: false });
    const publishing = publishThrough({ broker, spool, deadLetterTopic, registry, maxBytes, record });
    if (spool === undefined) return await work(publishing);
    try {
      return await during(spool, async () => {
        const done = await work(publishing);
        // Of runs that ended behind the last forwarding.
        await publishing.outbox!.tellEmpty();
        return done;
      });
    } finally {
      // One that could not be opened was said where it was needed.
      await opened?.then((runs) => runs.close(), () => {});
    }
  });
}
