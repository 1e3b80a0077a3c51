/** The time limit of one attempt of a run, which stands still while the attempt waits for the quota. */
import { timerMs } from "../backoff.ts";

export class TimeLimit {
  readonly #over = new AbortController();
  #leftMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;

  /** Runs from now on. @param ms without it there is no limit */
  constructor(ms = Infinity) {
    this.#leftMs = ms;
    this.hold(false);
  }

  /** Aborted when the time is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get passed(): boolean {
    return this.#over.signal.aborted;
  }

  /** Stands still, or goes on. */
  hold(held: boolean): void {
    if (this.#leftMs === Infinity) return;
    if (this.#timer !== undefined) this.#leftMs -= performance.now() - this.#since;
    this.end();
    if (held) return;
    this.#since = performance.now();
    this.#timer = setTimeout(() => this.#over.abort(), timerMs(this.#leftMs));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
