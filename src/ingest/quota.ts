/**
 * What a server lets one address fetch, kept over processes and restarts by the record of runs: a request that would go
 * over waits, and a server that refuses moves the budget.
 */
import { sleep } from "../backoff.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Pipeline } from "../pipeline.ts";
import type { QuotaLimit, Runs } from "../runs/runs.ts";
import type { SourceQuota } from "../source/source.ts";
import { timeText } from "./wording.ts";

const log = logger("ingest");

/** A server that refuses for longer is asked again after this. */
const LONGEST_BLOCK_MS = 3_600_000;

/** The limit of an API by the origin of its address; undefined where it has none. */
export type QuotaLimits = (api: string) => QuotaLimit | undefined;

/** The pipeline's own limit on its own host. @param named by the person: holds for whichever host is asked */
export function quotaLimits({ request, quota }: Pipeline, named?: QuotaLimit): QuotaLimits {
  if (named !== undefined) return () => named;
  const { origin } = request({ results: 1, page: 1, seed: "" });
  return (api) => api === origin ? quota : undefined;
}

export interface RunQuotaOptions {
  runs: Pick<Runs, "reserve" | "block">;
  limits: QuotaLimits;
  /** A request waits from now on, and no longer: the time is not the run's. */
  onWait?: (waiting: boolean) => void;
  now?: () => number;
}

/** What one run's requests ask. Where the record is away they go on: the server says itself when it is too much. */
export class RunQuota implements SourceQuota {
  readonly #options: RunQuotaOptions;
  readonly #now: () => number;

  constructor(options: RunQuotaOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async take(api: string, records: number, signal: AbortSignal): Promise<void> {
    const limit = this.#options.limits(api);
    if (limit === undefined) return;
    if (records > limit.records) throw neverFits(api, records, limit);
    for (let said = 0; !signal.aborted;) {
      const from = await this.#reserve(api, records, limit);
      if (from === null) return;
      if (from > said) log.warning("{api} takes no more than {limit}: waiting until {until}", words(api, limit, from));
      said = Math.max(said, from);
      this.#options.onWait?.(true);
      // At least so long that a record whose clock is another's is not asked without a pause.
      await sleep(Math.max(from - this.#now(), 50), signal);
      this.#options.onWait?.(false);
    }
  }

  async refused(api: string, afterMs: number): Promise<boolean> {
    const limit = this.#options.limits(api);
    if (limit === undefined) return false;
    const ms = afterMs > 0 ? afterMs : limit.windowMs / 2;
    try {
      await this.#options.runs.block(api, Math.round(this.#now() + Math.min(ms, LONGEST_BLOCK_MS)));
    } catch (error) {
      if (!isTransient(error)) throw error;
      log.debug("Cannot record that {api} refuses: {why}", { api, why: messageOf(error) });
      return false;
    }
    return ms <= LONGEST_BLOCK_MS;
  }

  async #reserve(api: string, records: number, limit: QuotaLimit): Promise<number | null> {
    try {
      return await this.#options.runs.reserve(api, records, limit);
    } catch (error) {
      if (!isTransient(error)) throw error;
      log.debug("Cannot look at the quota of {api}: {why}", { api, why: messageOf(error) });
      return null;
    }
  }
}

function words(api: string, limit: QuotaLimit, until: number) {
  return { api, limit: limitText(limit), until: timeText(until) };
}

/** `20,000 records in 5 min` */
export function limitText({ records, windowMs }: QuotaLimit): string {
  const [amount, unit] = windowMs % 60_000 === 0 ? [windowMs / 60_000, "min"] : [windowMs / 1_000, "s"];
  return `${records.toLocaleString("en")} records in ${amount} ${unit}`;
}

function neverFits(api: string, records: number, limit: QuotaLimit): UserpipeError {
  const what = `One page of ${records.toLocaleString("en")} records is more than ${api} allows (${limitText(limit)})`;
  return new UserpipeError("settings", what, "Ask for fewer records with --count, or name another quota");
}
