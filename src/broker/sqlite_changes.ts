/**
 * Tells the embedded broker's readers that something was committed: at once where this client did it, within
 * some milliseconds where another process or thread did.
 */
import type { Database } from "../sqlite.ts";
import { rows } from "./sqlite_schema.ts";

/** How long after a change the file is looked at again; it doubles up to the second. */
const FIRST_LOOK_MS = 2;
const LAST_LOOK_MS = 16;
/** After that only a write wakes it, or this: a timer that runs all day costs more than all else that is idle. */
const IDLE_LOOK_MS = 1_000;
/** How often it is looked at where the file cannot be watched. */
const UNWATCHED_LOOK_MS = 50;

export class Changes {
  /** Changes only by commits of other connections. */
  readonly #version;
  #seen: number;
  #count = 0;
  #waiting = new Set<() => void>();
  readonly #path: string;
  /** Calls off the next look. Undefined while nobody waits. */
  #cancel: (() => void) | undefined;

  constructor(db: Database) {
    this.#path = db.path;
    this.#version = rows<[version: number]>(db, "PRAGMA data_version");
    this.#seen = this.#version.get()![0];
  }

  /** Where the file stands: take it before looking for something, and wait from there. */
  mark(): number {
    const version = this.#version.get()![0];
    if (version !== this.#seen) {
      this.#seen = version;
      this.notify();
    }
    return this.#count;
  }

  /** Says that this client committed something. */
  notify(): void {
    this.#count++;
    this.#wake();
  }

  /** Resolves on a change since `mark`, after `ms`, or when `signal` is aborted; never rejects. */
  wait(mark: number, ms: number, signal?: AbortSignal): Promise<void> {
    if (mark !== this.#count || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(late);
        signal?.removeEventListener("abort", done);
        this.#waiting.delete(done);
        if (this.#waiting.size === 0) this.#rest();
        resolve();
      };
      const late = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
      this.#waiting.add(done);
      if (!this.#cancel) this.#lookAfter(FIRST_LOOK_MS);
    });
  }

  /** Wakes everyone and looks no more. */
  close(): void {
    this.notify();
    this.#rest();
  }

  #lookAfter(ms: number): void {
    const look = (next: number) => {
      this.#look();
      if (this.#waiting.size > 0) this.#lookAfter(next);
    };
    if (ms > LAST_LOOK_MS) {
      // A write is seen before its commit is, so that it begins the looking anew.
      this.#cancel = onWrite(`${this.#path}-wal`, IDLE_LOOK_MS, (written) => look(written ? FIRST_LOOK_MS : ms));
      if (this.#cancel) return;
    }
    const timer = setTimeout(() => look(ms * 2), Math.min(ms, UNWATCHED_LOOK_MS));
    this.#cancel = () => clearTimeout(timer);
  }

  #look(): void {
    try {
      this.mark();
    } catch {
      // Whoever waits will look itself, and gets the error where it can be given to somebody.
      this.#wake();
    }
  }

  #rest(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

/**
 * Calls `then` once: when the file is written to, or after `ms`.
 * @returns what calls it off, or undefined where the file cannot be watched
 */
function onWrite(path: string, ms: number, then: (written: boolean) => void): (() => void) | undefined {
  const watcher = watch(path);
  if (!watcher) return undefined;
  let open = true;
  const cancel = () => {
    open = false;
    clearTimeout(timer);
    watcher.close();
  };
  const end = (written: boolean) => {
    if (!open) return;
    cancel();
    then(written);
  };
  const timer = setTimeout(() => end(false), ms);
  const written = () => end(true);
  watcher[Symbol.asyncIterator]().next().then(written, written);
  return cancel;
}

function watch(path: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(path);
  } catch {
    // No file system has to offer it, and the system's watches may be used up: looking does as well.
    return undefined;
  }
}
