/** Waiting for what any process queues, pauses or resumes. */
import type { RecordFile } from "./sqlite_record.ts";

/** How often the record is looked at while somebody waits: a read of one row, some 20 µs. */
const LOOK_MS = 400;

export class Changes {
  readonly #record: RecordFile;
  #closed = false;
  /** Called when this is closed. */
  #waiting = new Set<() => void>();

  constructor(record: RecordFile) {
    this.#record = record;
  }

  /** Resolves on a change since the call, when the signal is aborted, or when this is closed. */
  async wait(signal: AbortSignal): Promise<void> {
    const mark = this.#count();
    while (!this.#closed && !signal.aborted && this.#count() === mark) await this.#pause(signal);
  }

  close(): void {
    this.#closed = true;
    for (const wake of [...this.#waiting]) wake();
  }

  #count(): number {
    return this.#record.read(() => Number(this.#record.sql("SELECT count FROM change").get()!.count));
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, LOOK_MS);
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
    });
  }
}
