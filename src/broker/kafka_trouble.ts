/** Says once in the log that something is wrong, and once that it is over. */
import type { UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("broker");

export class Trouble {
  #since: number | null = null;
  #said: UserpipeError["code"] | undefined;

  begin(error: UserpipeError): void {
    this.#since ??= Date.now();
    // What goes away is first refused, then not answered: one trouble, for which the first words do.
    if (error.code === this.#said) return;
    this.#said = error.code;
    log.warn(`${error.message}; trying again until it can be. ${error.hint}`);
  }

  over(what: string): void {
    if (this.#since === null) return;
    log.info(`${what} answers again, after ${Math.round((Date.now() - this.#since) / 1_000)} s`);
    this.#since = null;
    this.#said = undefined;
  }
}
