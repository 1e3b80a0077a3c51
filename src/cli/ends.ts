/** Ends that are open for as long as a command works with them, and closed however it ends. */
import type { Broker } from "../broker/broker.ts";
import { openBroker, openRuns, openStore } from "../open.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";

export async function withBroker<T>(settings: Settings, work: (broker: Broker) => Promise<T>): Promise<T> {
  return await during(await openBroker(settings), work);
}

export async function withStore<T>(settings: Settings, work: (store: Store) => Promise<T>): Promise<T> {
  return await during(await openStore(settings), work);
}

export async function withRuns<T>(settings: Settings, work: (runs: Runs) => Promise<T>): Promise<T> {
  return await during(await openRuns(settings), work);
}

/** The record, which is not made where it is not there: for what only looks, or changes what is on it. */
export async function withRunsThere<T>(settings: Settings, work: (runs: Runs) => Promise<T>): Promise<T> {
  return await during(await openRuns(settings, { make: false }), work);
}

/** The broker and the store. */
export async function withEnds<T>(settings: Settings, work: (broker: Broker, store: Store) => Promise<T>): Promise<T> {
  return await withBroker(settings, (broker) => withStore(settings, (store) => work(broker, store)));
}

/** Whatever `end` is, it is closed behind `work`. */
export async function during<E extends { close(): Promise<void> }, T>(
  end: E,
  work: (end: E) => Promise<T>,
): Promise<T> {
  try {
    return await work(end);
  } finally {
    await end.close();
  }
}
