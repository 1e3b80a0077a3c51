/** I6: the first signal drains within a limit, the second and the limit end the process at once. */
import { timerMs } from "../backoff.ts";
import { EXIT } from "../errors.ts";
import type { Terminal } from "./terminal.ts";

/** By 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof EXIT_CODES;

/** After the limit, what is under way has this long to be given up, in ms. */
const GIVE_UP_MS = 1_000;

export interface Signals {
  /** Aborted by the first signal. */
  stop: AbortSignal;
  /** Aborted when the drain's limit has passed. */
  abort: AbortSignal;
  /** The exit code of a run that ended without an error: that of the signal where the limit cut it short. */
  exitCode(done: number): number;
  /** That of a command which drained and was cut short of what it was to do: the signal's own. */
  cutCode(): number;
  /** Listens no longer. */
  end(): void;
}

/**
 * @param limitMs how long a drain may take
 * @param exit ends the process at once
 * @param onlyShows whether nothing is published or stored that would have to be finished
 */
export function listen(
  terminal: Terminal,
  limitMs: number,
  exit: (code: number) => never,
  { onlyShows = false }: { onlyShows?: boolean } = {},
): Signals {
  const stop = new AbortController();
  const abort = new AbortController();
  const timers: ReturnType<typeof setTimeout>[] = [];
  let code: number | undefined;

  const onSignal = (signal: Signal) => () => {
    const own = EXIT_CODES[signal];
    if (code !== undefined) exit(own);
    code = own;
    terminal.note(
      onlyShows
        ? "Stopping."
        : `Stopping: what is being published or stored is finished, ${
          limitMs / 1000
        } s at the most. Once more to stop at once.`,
    );
    stop.abort();
    timers.push(setTimeout(() => {
      if (!onlyShows) terminal.note("The limit has passed: what is not stored is read again at the next start.");
      abort.abort();
      timers.push(setTimeout(() => exit(own), GIVE_UP_MS));
    }, timerMs(limitMs)));
  };
  const handlers = (Object.keys(EXIT_CODES) as Signal[])
    .filter((signal) => Deno.build.os !== "windows" || signal === "SIGINT")
    .map((signal) => [signal, onSignal(signal)] as const);
  for (const [signal, handler] of handlers) Deno.addSignalListener(signal, handler);

  return {
    stop: stop.signal,
    abort: abort.signal,
    exitCode: (done) => abort.signal.aborted && code !== undefined ? code : done,
    cutCode: () => code ?? EXIT.done,
    end: () => {
      for (const timer of timers) clearTimeout(timer);
      for (const [signal, handler] of handlers) Deno.removeSignalListener(signal, handler);
    },
  };
}

/** No listener: a signal does what the system does with it. */
export function unheard(): Signals {
  const never = new AbortController().signal;
  return { stop: never, abort: never, exitCode: (done) => done, cutCode: () => EXIT.done, end: () => {} };
}
