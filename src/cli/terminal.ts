/** Where commands print: results to standard output, a live line and notes to standard error. */
import { messageOf, UserpipeError } from "../errors.ts";
import { clearLine, jsonLine } from "../log.ts";

const encoder = new TextEncoder();

export class Terminal {
  /** Whether standard output is a terminal: tables there, plain lines in a pipe. */
  readonly interactive: boolean;
  /** Whether the live line is shown. */
  readonly live: boolean;
  /** Whether results may have colours; those of the log are for standard error to say. */
  readonly colour: boolean;
  readonly quiet: boolean;
  /** Whether notes are lines of JSON too. */
  readonly #jsonNotes: boolean;
  readonly #unread: boolean;
  #liveLine = false;

  /**
   * @param json whether the log is lines of JSON
   * @param jsonNotes whether that was asked for: then all of standard error is
   * @param unread whether it goes on where nobody reads its results any more: its exit code is its answer
   */
  constructor(
    { quiet, json, jsonNotes = false, unread = false }: {
      quiet: boolean;
      json: boolean;
      jsonNotes?: boolean;
      unread?: boolean;
    },
  ) {
    this.#unread = unread;
    this.quiet = quiet;
    this.#jsonNotes = jsonNotes;
    this.interactive = Deno.stdout.isTerminal();
    this.live = Deno.stderr.isTerminal() && !quiet && !json;
    this.colour = wantsColour(this.interactive);
  }

  /** Columns of the terminal; a pipe has no limit. */
  get width(): number {
    if (!this.interactive) return Number.POSITIVE_INFINITY;
    return Deno.consoleSize().columns || 80;
  }

  /** A result: to standard output. */
  print(line: string): void {
    this.clear();
    try {
      writeAll(Deno.stdout, `${line}\n`);
    } catch (error) {
      if (!(this.#unread && error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  }

  /** A word to the person at the terminal: to standard error, not with `--quiet`. */
  note(line: string): void {
    if (this.quiet) return;
    this.clear();
    writeAll(Deno.stderr, `${this.#jsonNotes ? jsonLine("INFO", line) : line}\n`);
  }

  /** Shows `line` in place of the one before, on a terminal. */
  show(line: string): void {
    if (!this.live) return;
    writeAll(Deno.stderr, `\r\x1b[K${line.slice(0, this.#room())}`);
    this.#liveLine = true;
  }

  /** Takes the live line away. */
  clear(): void {
    if (!this.#liveLine) return;
    clearLine();
    this.#liveLine = false;
  }

  #room(): number {
    return (Deno.consoleSize().columns || 80) - 1;
  }
}

/** https://no-color.org and https://force-color.org */
export function wantsColour(isTerminal: boolean): boolean {
  if (Deno.env.get("NO_COLOR")) return false;
  if (Deno.env.get("FORCE_COLOR") || Deno.env.get("CLICOLOR_FORCE")) return true;
  return isTerminal && Deno.env.get("TERM") !== "dumb";
}

/** How long a full pipe is left to its reader before it is tried again, in ms. */
const FULL_PIPE_MS = 5;

/** @throws {UserpipeError} `output`; a pipe that was closed is thrown as it is */
function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(to.writeSync(bytes));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw error;
      if (!(error instanceof Deno.errors.WouldBlock)) {
        throw new UserpipeError("output", `Cannot print: ${messageOf(error)}`, "Look at where the output goes", {
          cause: error,
        });
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_MS);
    }
  }
}

/** A live line is shown anew this often, in ms. */
const SHOW_EVERY_MS = 100;

/** `show`, called at most every 100 ms: what comes in between, and at once, is passed over. */
export function seldom<A extends unknown[]>(show: (...of: A) => void): (...of: A) => void {
  let shown = performance.now();
  return (...of) => {
    const now = performance.now();
    if (now - shown < SHOW_EVERY_MS) return;
    shown = now;
    show(...of);
  };
}

/** What a command says below a count of refused records. */
export const SEE_REFUSED = "What was refused, and why: userpipe dead-letters";

// One for all: making one costs more than a hundred uses of it.
const NUMBER = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `1234567` as `1,234,567`. */
export function grouped(count: number): string {
  return NUMBER.format(count);
}

/** `1 record`, `1,234 records`. */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** ms as `0.42 s`, `12.3 s`, `3 min 20 s`. */
export function seconds(ms: number): string {
  if (ms < 10_000) return `${(ms / 1000).toFixed(2)} s`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
