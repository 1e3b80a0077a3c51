/**
 * Where a schedule's ticks and its clock come from: `Deno.cron` and the system's, or for tests only a file with a time
 * that `USERPIPE_TEST_TICKS` names, by which a test drives the clock of a real process.
 */

/**
 * Calls `tick` once a minute, near its beginning, until `signal` is aborted; resolves then, also where it was aborted before.
 * `tick` returns at once and never throws.
 */
export type Ticks = (tick: () => void, signal: AbortSignal) => Promise<void>;

export interface Clock {
  ticks: Ticks;
  /** ms since the epoch. */
  now: () => number;
}

/** One `Deno.cron` a process. Its own ticks never overlap or fail; with a signal that is aborted already it would never end. */
export const denoCronTicks: Ticks = async (tick, signal) => {
  if (!signal.aborted) await Deno.cron("userpipe", "* * * * *", { signal, backoffSchedule: [] }, tick);
};

/** How often the test's file is looked at, in ms. */
const LOOK_MS = 5;

/** The clock of this process. */
export function processClock(): Clock {
  const path = Deno.env.get("USERPIPE_TEST_TICKS");
  return path === undefined ? { ticks: denoCronTicks, now: Date.now } : fileClock(path);
}

/** A clock that stands at the ms that the file holds, and ticks when they change. The record's is the system's, so it is ahead of that. */
function fileClock(path: string): Clock {
  const now = () => Number(Deno.readTextFileSync(path));
  const ticks: Ticks = (tick, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      let last = now();
      const timer = setInterval(() => {
        const time = now();
        if (time !== last) tick();
        last = time;
      }, LOOK_MS);
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        resolve();
      }, { once: true });
    });
  return { ticks, now };
}
