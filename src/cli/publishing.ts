/** What ingest and replay publish through, open for as long as a command works with it. */
import { type Publishing, publishThrough } from "../ingest/publishing.ts";
import { namesOf, openSpool } from "../open.ts";
import type { Settings } from "../settings.ts";
import { during, withBroker } from "./ends.ts";

/** Opens the broker, and the outbox in front of it, for as long as `work` takes. */
export async function withPublishing<T>(settings: Settings, work: (publishing: Publishing) => Promise<T>): Promise<T> {
  const { outboxMaxBytes: maxBytes } = settings;
  const { deadLetterTopic } = namesOf(settings);
  return await withBroker(settings, async (broker) => {
    const spool = await openSpool(settings);
    const publishing = publishThrough({ broker, spool, deadLetterTopic, maxBytes });
    return spool === undefined ? await work(publishing) : await during(spool, () => work(publishing));
  });
}
