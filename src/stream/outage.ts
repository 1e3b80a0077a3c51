/** One end's outage: said once when it begins and once when it is over, however often it was tried. */
import type { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("stream");

export class Outage {
  #since: number | undefined;
  /** Since when all goes well again, in ms since the epoch. */
  #wellSince: number | undefined;
  #error: UserpipeError | undefined;

  /**
   * @param what for the message, for example `the store`
   * @param settleMs how long all must go well before it is over: an end that comes and goes is said once. Where it is
   * not 0, {@linkcode settle} has to be called now and then, and at the end.
   */
  constructor(readonly what: string, readonly settleMs = 0) {}

  /** The error that it is waiting out, if any. */
  get current(): UserpipeError | undefined {
    return this.#error;
  }

  /** Whether {@linkcode settle} has nothing to say any more. */
  get settled(): boolean {
    return this.#since === undefined;
  }

  begin(error: UserpipeError): void {
    this.#error = error;
    this.#wellSince = undefined;
    if (this.#since !== undefined) return;
    this.#since = Date.now();
    log.warning("{message}. Waiting for {what}, nothing is lost. {hint}", {
      message: error.message,
      what: this.what,
      hint: error.hint,
    });
  }

  /** It went well. */
  over(): void {
    if (this.#since === undefined || this.#wellSince !== undefined) return;
    this.#wellSince = Date.now();
    this.#error = undefined;
    if (this.settleMs === 0) this.settle();
  }

  /** Says that it is over once all has gone well for long enough; with `now`, also before. */
  settle({ now = false } = {}): void {
    if (this.#since === undefined || this.#wellSince === undefined) return;
    if (!now && Date.now() - this.#wellSince < this.settleMs) return;
    const seconds = Math.round((this.#wellSince - this.#since) / 100) / 10;
    this.#since = undefined;
    this.#wellSince = undefined;
    log.info("{what} is back after {seconds} s, going on", { what: this.what, seconds });
  }
}
