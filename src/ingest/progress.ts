/** What an attempt has done so far, written to the record now and then for whoever looks: nothing rests on it. */
import { messageOf, UserpipeError } from "../errors.ts";
import { logger } from "../log.ts";
import type { AttemptCounts, Runs } from "../runs/runs.ts";

const log = logger("ingest");

/** From one write to the next; an attempt that is done sooner writes none. In ms. */
const EVERY_MS = 1_000;

export class Progress {
  readonly #runs: Pick<Runs, "progress">;
  readonly #run: string;
  readonly #everyMs: number;
  #latest: AttemptCounts | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(runs: Pick<Runs, "progress">, run: string, everyMs = EVERY_MS) {
    this.#runs = runs;
    this.#run = run;
    this.#everyMs = everyMs;
  }

  /** @param counts of this moment; they may change behind it */
  say(counts: AttemptCounts): void {
    this.#latest = counts;
    this.#timer ??= setTimeout(() => this.#write(), this.#everyMs);
  }

  /** Writes no more. Resolves when what is being written is: nothing comes behind the attempt's end. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#latest = undefined;
    await this.#writing;
  }

  #write(): void {
    const counts = this.#latest;
    if (counts === undefined) return;
    this.#writing = this.#put({ ...counts }).finally(() => this.#timer = undefined);
  }

  async #put(counts: AttemptCounts): Promise<void> {
    try {
      await this.#runs.progress(this.#run, counts);
    } catch (error) {
      // What ails the record is said by who needs it.
      const level = error instanceof UserpipeError ? "debug" : "error";
      log[level]("Cannot record how far the run {run} is: {why}", { run: this.#run, why: messageOf(error) });
    }
  }
}
