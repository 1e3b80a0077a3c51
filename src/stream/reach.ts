/** An end that is away before anything was carried: waited for, aloud, until it answers or the process is to end. */
import { sleep, waitMs } from "../backoff.ts";
import { isTransient } from "../errors.ts";
import { Outage } from "./outage.ts";

const BACKOFF = { firstMs: 250, maxMs: 5_000 };
const STOPPED = Symbol("stopped");

export interface ReachOptions {
  /** Gives up the waiting, also for an answer that is under way. */
  stop: AbortSignal;
  /** Told of the outage whenever a try failed. */
  onAway?: (outage: Outage) => void;
}

/**
 * What `work` gives, which is tried again for as long as the end is away; undefined once `stop` is aborted.
 * @throws {UserpipeError} what waiting cannot cure
 */
export async function whenReached<T>(
  end: { readonly name: string },
  work: () => Promise<T>,
  { stop, onAway }: ReachOptions,
): Promise<T | undefined> {
  const outage = new Outage(end.name);
  const stopped = Promise.withResolvers<typeof STOPPED>();
  const onStop = () => stopped.resolve(STOPPED);
  stop.addEventListener("abort", onStop);
  try {
    for (let attempt = 1; !stop.aborted; attempt++) {
      try {
        const reached = await Promise.race([work(), stopped.promise]);
        if (reached === STOPPED) return undefined;
        outage.over();
        return reached;
      } catch (error) {
        if (!isTransient(error)) throw error;
        outage.begin(error);
        onAway?.(outage);
        await sleep(waitMs(BACKOFF, attempt), stop);
      }
    }
    return undefined;
  } finally {
    stop.removeEventListener("abort", onStop);
  }
}
