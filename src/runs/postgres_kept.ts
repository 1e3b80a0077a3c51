/** What a process says of its runs, in order: written at once or, where Postgres is away, kept and written once it is back. */
import { isTransient } from "../errors.ts";
import { logger } from "../log.ts";

const log = logger("runs");

/** One thing to write. It may be written twice, where it was not known whether it was. */
export interface Saying {
  /** For a message, where it cannot be written. */
  what: string;
  /** Counts towards the limit; what has none is always kept. */
  lines: number;
  /** @returns whether it was still this process's to say */
  write: () => Promise<boolean>;
}

/** Lines of log that wait at the most; the oldest go. */
const MOST_LINES = 20_000;

interface Waiting extends Saying {
  settle: (taken: boolean | Promise<never>) => void;
}

export class Kept {
  #waiting: Waiting[] = [];
  #lines = 0;
  #writing: Promise<void> | undefined;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves once it is written, or once it is known that it has to wait (true). @throws what waiting cannot cure */
  async say(saying: Saying): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#waiting.push({ ...saying, settle: resolve });
    this.#lines += saying.lines;
    this.#limit();
    void this.write();
    return await promise;
  }

  /** Writes what waits, as far as it can be written now. Never rejects. */
  write(): Promise<void> {
    return this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // So that it is known to be under way before it ends. Once nothing waits any more, what is said then begins it anew.
    await Promise.resolve();
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      try {
        next.settle(await next.write());
      } catch (error) {
        if (isTransient(error)) {
          for (const { settle } of this.#waiting) settle(true);
          break;
        }
        const rejected = Promise.reject(error);
        // Who said it may have gone on since: it is in the log too where nobody waits.
        rejected.catch(() => log.error("{what} was not recorded: {error}", { what: next!.what, error }));
        next.settle(rejected);
      }
      this.#drop(next);
    }
    this.#writing = undefined;
  }

  #drop(saying: Waiting): void {
    const at = this.#waiting.indexOf(saying);
    if (at === -1) return;
    this.#waiting.splice(at, 1);
    this.#lines -= saying.lines;
  }

  #limit(): void {
    while (this.#lines > MOST_LINES) {
      const oldest = this.#waiting.find(({ lines }, index) => lines > 0 && index > 0);
      if (oldest === undefined) return;
      oldest.settle(true);
      this.#drop(oldest);
    }
  }

  /** What could not be written, for a last word. */
  left(): string[] {
    return this.#waiting.map(({ what }) => what);
  }
}
