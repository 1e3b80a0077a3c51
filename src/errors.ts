/**
 * What an operating error is in userpipe: a code, what happened to what, and what to do about it.
 * Adapters translate a driver's error into one of these at their own boundary; `main.ts` prints it.
 */

/**
 * Process exit codes. 130 and 143 are those of what a second signal or the limit cut short, and of a single ingest that
 * the first signal ended before it had its count.
 */
export const EXIT = {
  done: 0,
  /** Done with records refused, or a check found something. */
  found: 1,
  /** Wrong usage, wrong settings (a password that is not taken, a right that is missing), or something they name is not there. */
  usage: 2,
  /** A component is out of reach. */
  unreachable: 3,
  /** Stopped by `--max-refused`. */
  tooManyRefused: 4,
  /** A defect of userpipe itself (`EX_SOFTWARE` of sysexits.h). */
  defect: 70,
} as const;

/**
 * Every operating error's code, with the exit code it ends the process with and whether waiting can
 * cure it (a loop that holds records waits and tries again; a command ends).
 */
export const CODES = {
  "usage": { exit: EXIT.usage, transient: false },
  "settings": { exit: EXIT.usage, transient: false },
  "input": { exit: EXIT.usage, transient: false },
  "data-folder": { exit: EXIT.usage, transient: false },
  "data-folder-busy": { exit: EXIT.unreachable, transient: true },
  "source-unreachable": { exit: EXIT.unreachable, transient: true },
  "source-answer": { exit: EXIT.unreachable, transient: false },
  "run-timeout": { exit: EXIT.unreachable, transient: false },
  "broker-unreachable": { exit: EXIT.unreachable, transient: true },
  "broker-refused": { exit: EXIT.usage, transient: false },
  "topic-missing": { exit: EXIT.usage, transient: false },
  "store-unreachable": { exit: EXIT.unreachable, transient: true },
  "store-busy": { exit: EXIT.unreachable, transient: true },
  "store-refused": { exit: EXIT.usage, transient: false },
  "store-missing": { exit: EXIT.usage, transient: false },
  "table-differs": { exit: EXIT.usage, transient: false },
  "query": { exit: EXIT.usage, transient: false },
  "not-authorised": { exit: EXIT.usage, transient: false },
  "runs-replaced": { exit: EXIT.usage, transient: false },
  "runs-unreachable": { exit: EXIT.unreachable, transient: true },
  "page-unreachable": { exit: EXIT.unreachable, transient: true },
  "registry-unreachable": { exit: EXIT.unreachable, transient: true },
  "registry-refused": { exit: EXIT.usage, transient: false },
  "schema-missing": { exit: EXIT.usage, transient: false },
  "schema-differs": { exit: EXIT.usage, transient: false },
  "record-too-large": { exit: EXIT.usage, transient: false },
  "outbox-full": { exit: EXIT.unreachable, transient: false },
  "output": { exit: EXIT.usage, transient: false },
  "worker": { exit: EXIT.defect, transient: true },
  "too-many-refused": { exit: EXIT.tooManyRefused, transient: false },
} as const;

export type Code = keyof typeof CODES;

/** A {@linkcode UserpipeError} as data: cloning an `Error` between threads drops its class and fields. */
export interface PlainError {
  code: Code;
  message: string;
  hint: string;
  cause?: string;
}

/** An operating error. `message` says what happened to what, `hint` what to do. */
export class UserpipeError extends Error {
  override readonly name = "UserpipeError";
  readonly code: Code;
  readonly hint: string;

  constructor(code: Code, message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }

  /** Whether waiting can cure it. */
  get transient(): boolean {
    return CODES[this.code].transient;
  }

  get exit(): number {
    return CODES[this.code].exit;
  }

  toPlain(): PlainError {
    const plain: PlainError = { code: this.code, message: this.message, hint: this.hint };
    if (this.cause !== undefined) plain.cause = messageOf(this.cause);
    return plain;
  }

  static fromPlain(plain: PlainError): UserpipeError {
    return new UserpipeError(plain.code, plain.message, plain.hint, { cause: plain.cause });
  }
}

/** The message of anything that was thrown, without the number that the runtime puts behind the system's own words. */
export function messageOf(thrown: unknown): string {
  return (thrown instanceof Error ? thrown.message : String(thrown)).replace(/ \(os error \d+\)/g, "");
}

/** Whether `thrown` is an operating error that waiting can cure. */
export function isTransient(thrown: unknown): thrown is UserpipeError {
  return thrown instanceof UserpipeError && thrown.transient;
}

/** What `check()` of a port answers: `doctor`, `status` and `/readyz` ask it. */
export type Check =
  | { component: string; ok: true; detail: string; clock?: Clock }
  | { component: string; ok: false; error: UserpipeError };

/** How far this machine's clock is ahead of another's, in ms (below 0: behind), give or take `uncertainMs`. */
export interface Clock {
  /** Whose: `Cassandra at "127.0.0.1:9042"`. */
  of: string;
  aheadMs: number;
  uncertainMs: number;
}

/** One thing that `diagnose()` of a port looked at. With `warn` it works for now, with `fail` it does not. */
export type Finding =
  & {
    /** In a word or two: `topic "users_created"`. */
    what: string;
    /** What is there, or what is wrong with what. */
    detail: string;
    /** Where the other end told its time. */
    clock?: Clock;
  }
  & ({ state: "ok" } | { state: "warn" | "fail"; /** What to do. */ hint: string });

/** What an operating error is as a finding. Throws what is none. */
export function failed(what: string, error: unknown): Finding {
  if (!(error instanceof UserpipeError)) throw error;
  return { what, state: "fail", detail: error.message, hint: error.hint };
}

/** What a check is as a finding. */
export function findingOf(what: string, check: Check): Finding {
  if (!check.ok) return failed(what, check.error);
  return { what, state: "ok", detail: check.detail, clock: check.clock };
}

/** One thing that `init` made, found, or found different. */
export interface Change {
  /** For example `topic "users_created"`. */
  what: string;
  /** `would-make` and `would-change` are those of a dry run. */
  state: "made" | "exists" | "changed" | "would-make" | "would-change";
  /** The statement, or the words of an admin request, that made it or would. */
  statement: string;
  /** For example `4 partitions, replication 1, kept for 7 days`. */
  detail?: string;
  /** Where what is there is other than asked for. It is left as it is. */
  differences?: Difference[];
}

/** Something that is there and is not as it was asked for. */
export interface Difference {
  /** Of the setting, for example `partitions`. */
  of: string;
  /** `1 partition (asked for: 3 partitions)`. */
  text: string;
  /** How to change it, where that can be done. */
  hint: string;
}
