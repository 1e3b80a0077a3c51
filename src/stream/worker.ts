/** The stream's thread: opens its own ends, runs the stream or makes its table, and tells the main thread how it goes. */
import { type Change, UserpipeError } from "../errors.ts";
import { clearLine, configureLog } from "../log.ts";
import { namesOf, openBroker, openRegistry, openStore } from "../open.ts";
import type { Settings } from "../settings.ts";
import type { Carried } from "./limits.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { whenReached } from "./reach.ts";
import type { StreamStats } from "./stats.ts";
import { stream } from "./stream.ts";

/** The worker's own scope, which the types of the main thread do not show. */
const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  postMessage(message: FromWorker): void;
};

const stop = new AbortController();
const abort = new AbortController();

scope.onmessage = async ({ data }) => {
  if (data.type === "stop") return stop.abort();
  if (data.type === "abort") return abort.abort();
  const { live, ...log } = data.log;
  await configureLog(live ? { ...log, beforeWrite: clearLine } : log);
  try {
    if (data.type === "make") scope.postMessage({ type: "made", changes: await makeTable(data.settings) });
    else scope.postMessage({ type: "done", stats: await run(data.settings, data.carried) });
  } catch (error) {
    if (error instanceof UserpipeError) scope.postMessage({ type: "failed", error: error.toPlain() });
    else {scope.postMessage({
        type: "defect",
        stack: error instanceof Error ? error.stack ?? error.message : String(error),
      });}
  }
};

async function run(settings: Settings, carried: Carried): Promise<StreamStats> {
  const { from, until, maxRecords, maxRate, maxInFlightBytes, maxRefused, untilCaughtUp, group } = settings;
  const broker = await openBroker(settings);
  try {
    const store = await openStore(settings);
    try {
      return await stream({
        ...namesOf(settings),
        broker,
        store,
        registry: await openRegistry(settings),
        group,
        from: from,
        until: until?.timestamp,
        untilCaughtUp,
        maxRecords,
        maxRate,
        maxInFlightBytes,
        maxRefused,
        carried,
        stop: stop.signal,
        abort: abort.signal,
        onStats: (stats) => scope.postMessage({ type: "stats", stats }),
      });
    } finally {
      await store.close();
    }
  } finally {
    await broker.close();
  }
}

async function makeTable(settings: Settings): Promise<Change[] | undefined> {
  const store = await openStore(settings);
  const onAway = () => scope.postMessage({ type: "away" });
  try {
    return await whenReached(store, () => store.init(settings), { stop: stop.signal, onAway });
  } finally {
    await store.close();
  }
}
