/** When a stream says how it stands: every second while that changes, and not at all while it does not. */

export interface Told {
  /** How it stands, as a text that is another where that is; null where more is about to come. */
  look(): string | null;
  tell(): void;
}

/** In ms. */
export interface TickerTimes {
  every: number;
  /** How often it is looked where nothing comes. */
  seldom: number;
}

const TIMES: TickerTimes = { every: 1_000, seldom: 5_000 };

export class Ticker {
  readonly #told: Told;
  readonly #times: TickerTimes;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #resting = false;
  #said: string | null = null;

  constructor(told: Told, times = TIMES) {
    this.#told = told;
    this.#times = times;
    this.#tickIn(times.every);
  }

  /** Something comes. */
  wake(): void {
    if (!this.#resting) return;
    this.#resting = false;
    this.#tickIn(this.#times.every);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  #tickIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), ms);
  }

  #tick(): void {
    const stands = this.#told.look();
    const isNew = stands === null || stands !== this.#said;
    // Once more where it stays, for what is told as a rate.
    if (isNew || !this.#resting) this.#told.tell();
    this.#said = stands;
    this.#resting = !isNew;
    this.#tickIn(isNew ? this.#times.every : this.#times.seldom);
  }
}
