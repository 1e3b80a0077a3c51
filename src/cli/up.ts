/** `up`: init, ingest on a schedule and stream, all in one process. */
import { EXIT, UserpipeError } from "../errors.ts";
import type { Publishing } from "../ingest/publishing.ts";
import { periodSchedule, type Schedule } from "../ingest/schedule.ts";
import { openRegistry } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Store } from "../store/store.ts";
import type { Task } from "../stream/messages.ts";
import { whenReached } from "../stream/reach.ts";
import { inThread } from "../stream/thread.ts";
import { workerPermissions } from "../worker_permissions.ts";
import type { Context } from "./command.ts";
import { withDashboard } from "./dashboard.ts";
import { withRuns, withStore } from "./ends.ts";
import { keepIngesting, scheduleOf } from "./ingest.ts";
import { initSchema, initTable, initTopics, sayMade } from "./init.ts";
import { withLive } from "./live.ts";
import { withPublishing } from "./publishing.ts";
import { carry, streamEnded } from "./stream.ts";

const MINUTE_MS = 60_000;

export async function up(given: Context): Promise<number> {
  const { settings } = given;
  const { untilCaughtUp, until, maxRecords } = settings;
  if (untilCaughtUp || until !== undefined || maxRecords !== undefined) {
    throw new UserpipeError(
      "usage",
      "--until-caught-up, --until and --max-records end a stream, and up keeps running",
      "Leave them out, or run ingest and stream by themselves",
    );
  }
  const ended = new AbortController();
  const context = { ...withSchedule(given), stop: AbortSignal.any([given.stop, ended.signal]) };
  const end = () => ended.abort();
  const schedule = scheduleOf(context.settings) ?? periodSchedule(MINUTE_MS);
  const work = async (publishing: Publishing) => {
    const making: Promise<void>[] = [];
    try {
      await makeEnds(context, publishing, making);
      if (context.stop.aborted) return EXIT.done;
      const made = Promise.all(making);
      return await withRuns(
        settings,
        (runs) =>
          withLive(
            { settings, command: "up", runs },
            () => together(context, { schedule, publishing, runs, made, end }),
          ),
      );
    } finally {
      end();
      await Promise.allSettled(making);
    }
  };
  return await withDashboard(context, { always: true }, () => withPublishing(settings, work));
}

/**
 * Makes schema, topics and table, each as soon as its end answers. Resolves once the schema is there, and each of the others is
 * there or waited for: what is fetched meanwhile goes into the outbox.
 * @param making is given what is waited for
 */
async function makeEnds(context: Context, { broker }: Publishing, making: Promise<void>[]): Promise<void> {
  const { settings, terminal, stop } = context;
  const begin = async (make: (onAway: () => void) => Promise<void>) => {
    const waits = Promise.withResolvers<void>();
    const made = make(waits.resolve);
    making.push(made);
    await Promise.race([made, waits.promise]);
  };
  const registry = await openRegistry(settings);
  // Nothing can be published without the id of its schema, not even into the outbox.
  if (registry !== undefined) {
    await whenReached(registry, () => initSchema(settings, registry, terminal), { stop });
  }
  if (stop.aborted) return;
  await begin((onAway) => whenReached(broker, () => initTopics(settings, broker, terminal), { stop, onAway }));
  await begin((onAway) => makeTable(context, onAway));
}

async function makeTable({ settings, terminal, log, stop, abort }: Context, onAway: () => void): Promise<void> {
  if (settings.contactPoints === undefined) {
    const make = (store: Store) => initTable(settings, store, terminal);
    return await withStore(settings, (store) => whenReached(store, () => make(store), { stop, onAway }));
  }
  // In a thread that ends with it: here the driver would stay loaded, 5 MB that are needed for nothing else.
  const task: Task = { type: "make", settings, log: { ...log, live: terminal.live } };
  const options = { permissions: workerPermissions(settings), stop, abort };
  const changes = await inThread(task, options, (answer) => {
    if (answer.type === "made") return { result: answer.changes };
    if (answer.type === "away") onAway();
  });
  sayMade(changes ?? [], terminal);
}

interface Together {
  schedule: Schedule;
  publishing: Publishing;
  runs: Runs;
  /** What the stream waits for. */
  made: Promise<unknown>;
  end: () => void;
}

/** Ingests and streams; either of the two that fails takes the other down with it, drained. */
async function together(context: Context, { schedule, publishing, runs, made, end }: Together): Promise<number> {
  const started = performance.now();
  const ingesting = keepIngesting(context, schedule, publishing, runs).finally(end);
  const carrying = made.then(() => carry(context)).finally(end);
  const [ingested, carried] = await Promise.allSettled([ingesting, carrying]);
  if (carried.status === "rejected") throw carried.reason;
  if (ingested.status === "rejected") throw ingested.reason;
  return streamEnded(carried.value, performance.now() - started, context.terminal);
}

/** Every minute where nothing else is said. */
function withSchedule(context: Context): Context {
  const { every, cron } = context.settings;
  if (every !== undefined || cron !== undefined) return context;
  return { ...context, settings: { ...context.settings, every: MINUTE_MS } };
}
