/**
 * SQLite answers at once, so that a loop of reads, writes and publishes would never let a timer, a signal or a
 * message of another thread in: no commit, no sign of life, no Ctrl-C. This gives them their turn.
 */
import { setImmediate } from "node:timers";

/** The longest that such a loop keeps everything else of its thread waiting, in ms. */
const TURN_MS = 20;

let last = performance.now();

/** Waits for the others' turn where the last one was some time ago; costs next to nothing otherwise. */
export async function letOthersRun(): Promise<void> {
  if (performance.now() - last < TURN_MS) return;
  await new Promise<void>((resolve) => setImmediate(resolve));
  last = performance.now();
}
