/** One end's outage: said once when it begins and once when it is over, however often it was tried. */
import type { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("stream");

export class Outage {
  #since: number | undefined;
  #error: UserpipeError | undefined;

  /** @param what for the message, for example `the store` */
  constructor(readonly what: string) {}

  /** The error that it is waiting out, if any. */
  get current(): UserpipeError | undefined {
    return this.#error;
  }

  begin(error: UserpipeError): void {
    this.#error = error;
    if (this.#since !== undefined) return;
    this.#since = Date.now();
    log.warning("{message}. Waiting for {what}, nothing is lost. {hint}", {
      message: error.message,
      what: this.what,
      hint: error.hint,
    });
  }

  over(): void {
    if (this.#since === undefined) return;
    const seconds = Math.round((Date.now() - this.#since) / 100) / 10;
    this.#since = undefined;
    this.#error = undefined;
    log.info("{what} is back after {seconds} s, going on", { what: this.what, seconds });
  }
}
