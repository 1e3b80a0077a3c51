/** How the build runs a program: to its end, within a time, with what it printed. */

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

/** What failed, with all that it printed. */
export function failure(program: string, args: readonly string[], { code, stdout, stderr }: Outcome): BuildError {
  return new BuildError(`${words(program, args)} ended with ${code}:\n${stdout}${stderr}`.trimEnd());
}

function words(program: string, args: readonly string[]): string {
  return `"${[program, ...args].join(" ")}"`;
}
