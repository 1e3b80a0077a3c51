/**
 * What a server lets one address fetch, kept over processes and restarts by the record of runs: a request that would go
 * over waits, and a server that refuses moves the budget.
 */
import { sleep } from "../backoff.ts";
import { isTransient, messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Pipeline } from "../pipeline.ts";
import type { Hold, QuotaLimit, Runs } from "../runs/runs.ts";
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
  /** What a server asked for when it refused last. */
  #asked: { until: number; afterMs: number } | undefined;

  constructor(options: RunQuotaOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  fits(api: string, records: number): void {
    assertFits(api, records, this.#options.limits(api));
  }

  async take(api: string, records: number, signal: AbortSignal): Promise<void> {
    this.fits(api, records);
    const limit = this.#options.limits(api) ?? null;
    for (let said = 0; !signal.aborted;) {
      const hold = await this.#reserve(api, records, limit);
      if (hold === null) return;
      if (hold.until > said) this.#say(api, hold, limit);
      said = Math.max(said, hold.until);
      this.#options.onWait?.(true);
      // At least so long that a record whose clock is another's is not asked without a pause.
      await sleep(Math.max(hold.until - this.#now(), 50), signal);
      this.#options.onWait?.(false);
    }
  }

  async refused(api: string, afterMs: number, backoffMs: number): Promise<boolean> {
    const unasked = (this.#options.limits(api)?.windowMs ?? 0) / 2;
    const ms = afterMs > 0 ? afterMs : Math.max(unasked, backoffMs);
    const until = Math.round(this.#now() + Math.min(ms, LONGEST_BLOCK_MS));
    try {
      await this.#options.runs.block(api, until);
    } catch (error) {
      if (!isTransient(error)) throw error;
      log.debug("Cannot record that {api} refuses: {why}", { api, why: messageOf(error) });
      return false;
    }
    this.#asked = { until, afterMs };
    return ms <= LONGEST_BLOCK_MS;
  }

  #say(api: string, { until, by }: Hold, limit: QuotaLimit | null): void {
    const words = { api, until: timeText(until) };
    if (by === "quota" && limit !== null) {
      const said = { ...words, limit: limitText(limit) };
      return log.warning("{api} takes no more than {limit}: waiting until {until}", said);
    }
    const { afterMs = 0 } = this.#asked?.until === until ? this.#asked : {};
    const asks = afterMs === 0 ? "" : `, Retry-After: ${Math.ceil(afterMs / 1000)} s`;
    log.warning("{api} takes no more requests for now (429{asks}): waiting until {until}", { ...words, asks });
  }

  async #reserve(api: string, records: number, limit: QuotaLimit | null): Promise<Hold | null> {
    try {
      return await this.#options.runs.reserve(api, records, limit);
    } catch (error) {
      if (!isTransient(error)) throw error;
      log.debug("Cannot look at the quota of {api}: {why}", { api, why: messageOf(error) });
      return null;
    }
  }
}

/** @throws {UserpipeError} `settings` where so many are more than the whole limit, and would wait for ever */
export function assertFits(api: string, records: number, limit: QuotaLimit | undefined): void {
  if (limit === undefined || records <= limit.records) return;
  const what = `One page of ${records.toLocaleString("en")} records is more than ${api} allows (${limitText(limit)})`;
  throw new UserpipeError("settings", what, "Ask for fewer records with --count, or name another --quota");
}

/** `20,000 records in 5 min` */
export function limitText({ records, windowMs }: QuotaLimit): string {
  const [amount, unit] = windowMs % 60_000 === 0 ? [windowMs / 60_000, "min"] : [windowMs / 1_000, "s"];
  return `${records.toLocaleString("en")} records in ${amount} ${unit}`;
}
