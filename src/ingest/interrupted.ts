/**
 * I6: runs over HTTP that were cut, by a kill or by the end of a schedule, are fetched again by what is on record of them.
 * What of them was published before is published twice, which changes nothing (I4).
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { isTransient, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Run, Runs, RunState, RunTarget } from "../runs/runs.ts";
import type { RunReport } from "./run.ts";
import type { Trouble } from "./trouble.ts";

const log = logger("ingest");

const LOOK: Backoff = { firstMs: 60_000, maxMs: 3_600_000 };

export interface InterruptedOptions {
  runs: Runs;
  target: RunTarget;
  /** Makes the next attempt, and says in the report how it failed. */
  again: (run: Run) => Promise<RunReport>;
  /** A run is about to be fetched again. */
  onAgain: (run: Run) => void;
  /** It was, as far as the signal let it. */
  onDone: (report: RunReport) => void;
  /** The waits from one look to the next, longer while they are in vain; from 1 min to 1 h by default. */
  look?: Backoff;
  /** Aborted when runs were just left by another process: it is looked at once then. Asked for at each wait. */
  wake?: () => AbortSignal;
  /** Of the record, where more than this is said of it. */
  trouble?: Trouble;
  signal: AbortSignal;
}

/** What one look came to. */
export interface Looked {
  /** Whether runs are left interrupted, or it is not known. */
  left: boolean;
  /** Records of what was fetched again that were refused. */
  refused: number;
}

/**
 * Fetches again each run that this process can claim, once. One that fails stays interrupted, is logged and holds up no
 * other, nor whatever the caller does next: never rejects. A server that is away is not asked for its other runs too.
 */
export async function fetchInterrupted(options: InterruptedOptions): Promise<Looked> {
  const { runs, target, trouble, signal } = options;
  const looked: Looked = { left: false, refused: 0 };
  const away = new Set<string | null>();
  try {
    for (const run of await runs.interrupted(target)) {
      const report = signal.aborted || away.has(run.url) ? undefined : await fetched(options, run);
      looked.refused += report?.refused ?? 0;
      if (report === undefined || report.state === "interrupted") looked.left = true;
      if (report?.error?.code === "source-unreachable") away.add(run.url);
    }
  } catch (error) {
    looked.left = true;
    if (trouble !== undefined && isTransient(error)) trouble.failed(error);
    else logFailure("Cannot look for interrupted runs", error);
  }
  return looked;
}

/**
 * The run before, where its process was killed and it is not fetched again by itself: one of a file, or generated.
 * Null also while the record is away.
 */
export async function leftByKill(runs: Runs, target: RunTarget): Promise<Run | null> {
  try {
    const [last] = await runs.list({ target, states: BEGUN, limit: 1 });
    const killed = last?.state === "interrupted" && last.endedAt === null && last.sourceKind !== "http";
    return killed ? last : null;
  } catch (error) {
    if (!isTransient(error)) throw error;
    return null;
  }
}

const BEGUN: readonly RunState[] = ["running", "delivered", "to outbox", "failed", "interrupted"];

/** One run; nothing where not even its attempt could be made or recorded. */
async function fetched(
  { again, onAgain, onDone }: InterruptedOptions,
  run: Run,
): Promise<RunReport | undefined> {
  try {
    onAgain(run);
    const report = await again(run);
    if (report.error === undefined) onDone(report);
    else logFailure(`The run ${run.id} stays interrupted`, report.error);
    return report;
  } catch (error) {
    logFailure(`The run ${run.id} cannot be fetched again`, error);
    return undefined;
  }
}

/** Looks again and again until `signal` is aborted. Never rejects. @param left as the look before found it */
export async function keepFetchingInterrupted(options: InterruptedOptions, { left }: Looked): Promise<void> {
  const { signal, look = LOOK, wake = () => signal } = options;
  for (let inVain = left ? 1 : 0; !signal.aborted;) {
    await sleep(waitMs(look, Math.max(1, inVain)), AbortSignal.any([signal, wake()]));
    if (signal.aborted) return;
    inVain = (await fetchInterrupted(options)).left ? inVain + 1 : 0;
  }
}

function logFailure(what: string, error: unknown): void {
  if (!(error instanceof UserpipeError)) return log.error("{what}: {error}", { what, error });
  log.warning("{what}: {why}. {hint}. It is tried again later", { what, why: error.message, hint: error.hint });
}
