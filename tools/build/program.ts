/** How the build runs a program: to its end within a time, or for as long as it is needed, with what it printed. */

const POLL_MS = 20;

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd: string;
  env?: Record<string, string>;
  /** Without the environment of the build. */
  clearEnv?: boolean;
  /** Killed after this long, in ms; without it there is no limit. */
  withinMs?: number;
}

/** A build that cannot be made, or made something that does not work. Its message is what a person needs. */
export class BuildError extends Error {
  override readonly name = "BuildError";
}

/** Aborted by a signal to the build: the program that runs is ended, so that nothing writes behind its back. */
export const interruption = new AbortController();

/**
 * Nothing to read on its standard input, no colours in what it prints.
 * @throws {BuildError} where the program cannot be started, did not end in time, or was interrupted
 */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  const { withinMs, env, ...rest } = options;
  interruption.signal.throwIfAborted();
  const limit = withinMs === undefined ? [] : [AbortSignal.timeout(withinMs)];
  const signal = AbortSignal.any([interruption.signal, ...limit]);
  const command = new Deno.Command(program, {
    ...rest,
    args: [...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    signal,
  });
  try {
    const { code, stdout, stderr } = await command.output();
    interruption.signal.throwIfAborted();
    if (signal.aborted) throw new BuildError(`${words(program, args)} did not end within ${withinMs! / 1000} s`);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof BuildError) throw error;
    throw new BuildError(`${words(program, args)} cannot be started: ${error}`, { cause: error });
  }
}

/** A program that keeps running. */
export interface Started extends AsyncDisposable {
  /** What it printed so far, both streams. */
  readonly output: string;
  /** @throws {BuildError} where it ended, or its time was over, before it printed that */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** @throws {BuildError} where it does not end in its time */
  end(signal: Deno.Signal): Promise<Outcome>;
}

/** As {@linkcode run}; however it goes, the program does not outlive the work. */
export function start(program: string, args: readonly string[], options: RunOptions): Started {
  const { withinMs, env, ...rest } = options;
  const command = new Deno.Command(program, {
    ...rest,
    args: [...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: interruption.signal,
  });
  const child = command.spawn();
  const printed = { stdout: "", stderr: "" };
  const collect = async (stream: "stdout" | "stderr") => {
    for await (const text of child[stream].pipeThrough(new TextDecoderStream())) printed[stream] += text;
  };
  let over = false;
  const ended = Promise.all([child.status, collect("stdout"), collect("stderr")])
    .then(([{ code }]) => ({ code, ...printed }))
    .finally(() => over = true);
  const deadline = Date.now() + (withinMs ?? Infinity);
  const late = (what: string) => new BuildError(`${words(program, args)} ${what}:\n${printed.stdout}${printed.stderr}`);
  return {
    get output() {
      return printed.stdout + printed.stderr;
    },
    async printed(pattern) {
      for (;;) {
        const found = pattern.exec(printed.stdout + printed.stderr);
        if (found !== null) return found;
        interruption.signal.throwIfAborted();
        if (over || Date.now() > deadline) throw late(`did not print ${pattern}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
    async end(signal) {
      if (!over) child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), Math.max(0, deadline - Date.now()));
      const outcome = await ended;
      clearTimeout(timer);
      interruption.signal.throwIfAborted();
      return outcome;
    },
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await ended;
    },
  };
}

/** What failed, with all that it printed. */
export function failure(program: string, args: readonly string[], { code, stdout, stderr }: Outcome): BuildError {
  return new BuildError(`${words(program, args)} ended with ${code}:\n${stdout}${stderr}`.trimEnd());
}

function words(program: string, args: readonly string[]): string {
  return `"${[program, ...args].join(" ")}"`;
}
