/** Opens the ends for the page: each once, when it is first asked for, and closes them with the server. */
import { withMissing } from "../ingest/outbox_missing.ts";
import { OutboxLogs } from "../ingest/outbox_logs.ts";
import { publishThrough } from "../ingest/publishing.ts";
import { namesOf, openBroker, openRegistry, openRuns, openSpool, openStore } from "../open.ts";
import type { Settings } from "../settings.ts";
import type { DashboardEnds } from "./deps.ts";

export function openDashboardEnds(settings: Settings): DashboardEnds {
  const broker = once(() => openBroker(settings));
  const store = once(() => openStore(settings));
  const runs = once(() => openRuns(settings, { make: false }));
  const runsMade = once(() => openRuns(settings));
  const spool = once(() => openSpool(settings));
  const { deadLetterTopic } = namesOf(settings);
  return {
    broker: broker.get,
    store: store.get,
    registry: () => openRegistry(settings),
    runs: runs.get,
    runsMade: runsMade.get,
    async publishing() {
      const ends = { broker: await broker.get(), spool: await spool.get(), registry: await openRegistry(settings) };
      return publishThrough({ ...ends, deadLetterTopic, maxBytes: settings.outboxMaxBytes, record: runs.get });
    },
    async outbox() {
      const opened = await spool.get();
      return opened === undefined
        ? null
        : await withMissing(await new OutboxLogs(opened).waiting(), await broker.get());
    },
    async close() {
      await Promise.allSettled([broker, store, runs, runsMade, spool].map((end) => end.close()));
    },
  };
}

interface Once<E> {
  get(): Promise<E>;
  close(): Promise<void>;
}

function once<E extends { close(): Promise<void> } | undefined>(open: () => Promise<E>): Once<E> {
  let opened: Promise<E> | undefined;
  let closed = false;
  return {
    get() {
      if (closed) return Promise.reject(new Error("The dashboard has closed its ends"));
      if (opened !== undefined) return opened;
      const opening = opened = open();
      opening.catch(() => opened = undefined);
      return opening;
    },
    async close() {
      closed = true;
      await (await opened)?.close();
    },
  };
}
