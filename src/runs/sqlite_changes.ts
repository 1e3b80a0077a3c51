/** Waiting for what any process queues, pauses or resumes. */
import type { RecordFile } from "./sqlite_record.ts";

/** How often the record is looked at while somebody waits, where nothing tells of a change. */
const LOOK_MS = 400;
/** And where something does: it may be lost. */
const SELDOM_MS = 5_000;

export class Changes {
  readonly #record: RecordFile;
  #closed = false;
  /** Called when this is closed, or there may be something new. */
  #waiting = new Set<() => void>();
  /** Opened by the first who waits; undefined where there is none. */
  #watcher: Deno.FsWatcher | undefined;
  #opened = false;

  constructor(record: RecordFile) {
    this.#record = record;
  }

  /** Resolves on a change since the call, when the signal is aborted, or when this is closed. */
  async wait(signal: AbortSignal): Promise<void> {
    this.#open();
    const mark = this.#count();
    while (!this.#closed && !signal.aborted && this.#count() === mark) await this.#pause(signal);
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    this.#wake();
  }

  #open(): void {
    if (this.#opened || this.#closed) return;
    this.#opened = true;
    this.#watcher = this.#record.hear();
    if (this.#watcher !== undefined) void this.#listen(this.#watcher);
  }

  async #listen(watcher: Deno.FsWatcher): Promise<void> {
    try {
      for await (const _ of watcher) this.#wake();
    } catch {
      // Then it is looked for, as where nothing could be heard from the start.
    }
    this.#watcher = undefined;
    this.#wake();
  }

  #wake(): void {
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
      const timer = setTimeout(done, this.#watcher === undefined ? LOOK_MS : SELDOM_MS);
      signal.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
    });
  }
}
