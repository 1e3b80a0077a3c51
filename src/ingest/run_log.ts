/** The log of one run: what is logged while its attempts are made goes to the record too, some lines at a time. */
import { isTransient } from "../errors.ts";
import { collectLog, logger } from "../log.ts";
import type { LogLine, Runs } from "../runs/runs.ts";
import type { Ending } from "./outcome.ts";
import { failureText } from "./wording.ts";

const log = logger("ingest");

const FLUSH_MS = 1_000;
/** Lines that are held at the most; the oldest go. */
const MAX_LINES = 1_000;

export class RunLog {
  readonly #runs: Pick<Runs, "log">;
  readonly #run: string;
  #attempt = 1;
  #lines: LogLine[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushed: Promise<void> = Promise.resolve();

  constructor(runs: Pick<Runs, "log">, run: string) {
    this.#runs = runs;
    this.#run = run;
  }

  /** Collects what `work` logs. */
  of<T>(work: () => Promise<T>): Promise<T> {
    return collectLog((level, text) => this.say(level, text), work);
  }

  begin(attempt: number, what: string): void {
    this.#attempt = attempt;
    this.say("info", `Attempt ${attempt}: ${what}`);
  }

  end({ state, error: why }: Ending, error: unknown): void {
    const text = error === undefined ? why : failureText(error);
    this.say(state === "failed" ? "error" : "info", text === null ? `Ended: ${state}` : `Ended: ${state}. ${text}`);
  }

  say(level: LogLine["level"], text: string): void {
    const at = Date.now();
    for (const line of text.split("\n")) this.#lines.push({ attempt: this.#attempt, at, level, text: line });
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, this.#lines.length - MAX_LINES);
    this.#timer ??= setTimeout(() => void this.flush(), FLUSH_MS);
  }

  /** What is not recorded yet, for who records it; behind what is being recorded. */
  async take(): Promise<LogLine[]> {
    await this.#flushed;
    return this.#taken();
  }

  #taken(): LogLine[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  /** Records what there is, in order. A record that is away does not cost the run anything but its lines. */
  flush(): Promise<void> {
    const lines = this.#taken();
    const flushed = this.#flushed.then(() => this.#write(lines));
    // Whoever flushes last is told.
    flushed.catch(() => {});
    return this.#flushed = flushed;
  }

  async #write(lines: readonly LogLine[]): Promise<void> {
    if (lines.length === 0) return;
    try {
      await this.#runs.log(this.#run, lines);
    } catch (error) {
      if (!isTransient(error)) throw error;
      log.debug("Cannot record {count} lines of the run {run}", { count: lines.length, run: this.#run });
    }
  }
}
