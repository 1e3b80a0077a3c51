/**
 * Notices to a person's own service: JSON by POST when a run has failed, when one succeeds again, and when times were
 * missed. A notice never holds up or fails a run; one that cannot be delivered is logged.
 */
import { type Backoff, sleep, waitMs } from "../backoff.ts";
import { messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { Runs, RunTarget } from "../runs/runs.ts";
import type { RunReport } from "./run.ts";

const log = logger("notify");

const TRIES = 3;
const TIMEOUT_MS = 5_000;
const BACKOFF: Backoff = { firstMs: 1_000, maxMs: 10_000 };
/** Notices under way at once; more are not begun, so that a service that hangs holds no memory. */
const MAX_PENDING = 100;

export interface NotifierOptions {
  url: string;
  runs: Pick<Runs, "list">;
  target: RunTarget;
  /** For one try, in ms; 5 s by default. */
  timeoutMs?: number;
  /** The waits between the three tries; from 1 s by default. */
  backoff?: Backoff;
  fetch?: typeof fetch;
}

/** Of a run, as it is sent. Times are ISO 8601 in UTC. */
interface Notice {
  event: "failed" | "recovered" | "missed";
  /** One line for a person. */
  text: string;
  at: string;
  pipeline: string;
  topic: string;
  [more: string]: unknown;
}

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #closed = new AbortController();
  readonly #pending = new Set<Promise<void>>();

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** A run has ended, behind all its attempts. Returns at once. */
  ended(report: RunReport): void {
    if (report.state === "failed") this.#send(() => this.#failed(report));
    if (report.state === "delivered" || report.state === "to outbox") this.#send(() => this.#recovered(report));
  }

  /** Due times came while no process ran; oldest first. Returns at once. */
  missed(times: readonly number[]): void {
    const [first, last] = [times[0]!, times.at(-1)!].map((time) => new Date(time).toISOString());
    const [text, which] = times.length === 1
      ? ["A run was missed", first]
      : [`${times.length} runs were missed`, `${first} to ${last}`];
    this.#send(async () => this.#notice("missed", `${text}: ${which}`, { count: times.length, first, last }));
  }

  /** Resolves when what is under way has been delivered or given up, which takes some seconds at the most. */
  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#pending);
  }

  #send(make: () => Promise<Notice | null>): void {
    if (this.#pending.size >= MAX_PENDING) return log.warning("Too many notices are under way: one is left out");
    const sent: Promise<void> = this.#deliver(make).finally(() => this.#pending.delete(sent));
    this.#pending.add(sent);
  }

  async #deliver(make: () => Promise<Notice | null>): Promise<void> {
    try {
      const notice = await make();
      if (notice !== null) await this.#post(notice);
    } catch (error) {
      if (!(error instanceof UserpipeError)) throw error;
      log.warning("Cannot notify: {why}", { why: messageOf(error) });
    }
  }

  async #failed(report: RunReport): Promise<Notice> {
    const error = report.error === undefined ? null : { code: report.error.code, hint: report.error.hint };
    return this.#notice("failed", `A run failed: ${report.why}`, { run: runOf(report), error });
  }

  /** Nothing, unless the run before it failed. */
  async #recovered(report: RunReport): Promise<Notice | null> {
    const { runs, target } = this.#options;
    const states = ["delivered", "to outbox", "failed"] as const;
    const before = (await runs.list({ states, target, limit: 20 })).find(({ id }) => id !== report.id);
    if (before?.state !== "failed") return null;
    return this.#notice("recovered", "A run succeeded again", { run: runOf(report) });
  }

  #notice(event: Notice["event"], text: string, more: Record<string, unknown>): Notice {
    const { pipeline, topic } = this.#options.target;
    return { event, text, at: new Date().toISOString(), pipeline, topic, ...more };
  }

  async #post(notice: Notice): Promise<void> {
    const { backoff = BACKOFF } = this.#options;
    for (let tries = 1;; tries++) {
      const why = await this.#try(notice);
      if (why === null) return;
      if (tries === TRIES || this.#closed.signal.aborted) {
        const words = { host: new URL(this.#options.url).host, event: notice.event, why };
        return log.warning("{host} did not take the notice of a run ({event}): {why}", words);
      }
      await sleep(waitMs(backoff, tries), this.#closed.signal);
    }
  }

  /** @returns why it was not taken, without the address, which may hold a key */
  async #try(notice: Notice): Promise<string | null> {
    const { url, timeoutMs = TIMEOUT_MS, fetch: post = fetch } = this.#options;
    try {
      const response = await post(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(notice),
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      return response.ok ? null : `it answers ${response.status}`;
    } catch (error) {
      if (error instanceof DOMException && error.name === "TimeoutError") return `no answer in ${timeoutMs / 1000} s`;
      return messageOf(error).replaceAll(url, "its address").replace(/ for url \(.*?\)/, "");
    }
  }
}

function runOf(
  { id, kind, state, source, seed, page, attempts, ms, scheduledAt, fetched, published, refused }: RunReport,
) {
  const scheduled = scheduledAt === null ? null : new Date(scheduledAt).toISOString();
  return { id, kind, state, source, seed, page, scheduled, attempts, ms, fetched, published, refused };
}
