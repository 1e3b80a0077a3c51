/**
 * Trouble with something that is asked again and again: said once, then at most once a minute with how often it came, and
 * once when it is over.
 */
import type { UserpipeError } from "../errors.ts";
import type { Logger } from "@logtape/logtape";
import { wholeSeconds } from "./wording.ts";

/** From one word about the same trouble to the next, in ms. */
const REMIND_MS = 60_000;
/** So long all must go well before it is over: what comes and goes is one trouble. In ms. */
const SETTLE_MS = 10_000;

export interface TroubleOptions {
  log: Pick<Logger, "warning" | "info">;
  /** What is back then: `The record of runs`. */
  what: string;
  /** What comes of it meanwhile, as a sentence without its full stop. */
  meanwhile: string;
  remindMs?: number;
  settleMs?: number;
  now?: () => number;
}

export class Trouble {
  readonly #options: Required<TroubleOptions>;
  #since: number | undefined;
  #last = 0;
  #said = 0;
  #times = 0;

  constructor(options: TroubleOptions) {
    this.#options = { remindMs: REMIND_MS, settleMs: SETTLE_MS, now: Date.now, ...options };
  }

  failed({ message: why, hint }: UserpipeError): void {
    const { log, meanwhile, remindMs, now } = this.#options;
    const at = this.#last = now();
    this.#times++;
    if (this.#since === undefined) {
      log.warning("{why}. {hint}. {meanwhile}", { why, hint, meanwhile });
      this.#since = this.#said = at;
    } else if (at - this.#said >= remindMs) {
      const [times, time] = [this.#times, wholeSeconds(at - this.#since)];
      log.warning("{why}: {times} times in {time} now. {meanwhile}", { why, times, time, meanwhile });
      this.#said = at;
    }
  }

  /** It went well, also where it was a write. */
  well(): void {
    const { log, what, settleMs, now } = this.#options;
    if (this.#since === undefined || now() - this.#last < settleMs) return;
    log.info("{what} is back after {time}", { what, time: wholeSeconds(this.#last - this.#since) });
    this.#since = undefined;
    this.#times = 0;
  }
}
