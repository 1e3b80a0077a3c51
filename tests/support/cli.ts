/** Runs the program as a person would: a process of its own, with the permissions and limits of the executable. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { COMPILED_FLAGS, ROOT } from "../../tools/build/options.ts";
import { assertNoSecret, assertNoSecretBelow } from "./secrets.ts";

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  /** The current folder; data goes below it. */
  cwd: string;
  env?: Record<string, string>;
  stdin?: string | Uint8Array;
  /** The project's folder, where it is another than this one. */
  root?: string;
}

function command(args: string[], { cwd, env, root = ROOT }: CliOptions, stdin: "null" | "piped"): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", ...COMPILED_FLAGS, "--config", join(root, "deno.json"), join(root, "main.ts"), ...args],
    cwd,
    env: { ...ownEnvironment(), NO_COLOR: "1", ...env },
    clearEnv: true,
    stdin,
    stdout: "piped",
    stderr: "piped",
  });
}

/** The environment without what would set the program's own settings. */
export function ownEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(Deno.env.toObject()).filter(([name]) => !/^(USERPIPE|KAFKA|CASSANDRA|SCHEMA_REGISTRY)_/.test(name)),
  );
}

/** Runs a command to its end. */
export async function userpipe(args: string[], options: CliOptions): Promise<Ended> {
  const { stdin } = options;
  const child = command(args, options, stdin === undefined ? "null" : "piped").spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin);
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const ended = { code, stdout: text(stdout), stderr: text(stderr) };
  assertNoSecret(ended.stdout + ended.stderr, `what "userpipe ${args[0]}" printed:\n${ended.stdout}${ended.stderr}`);
  return ended;
}

/** Runs a command that must succeed. @returns what it printed */
export async function succeeds(args: string[], options: CliOptions): Promise<string> {
  const { code, stdout, stderr } = await userpipe(args, options);
  assert.equal(code, 0, `userpipe ${args.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}

/** A command that keeps running. */
export interface Running extends AsyncDisposable {
  pid: number;
  /** What it printed so far, both streams. */
  readonly output: string;
  /** Resolves when the output has `text` or matches it. @throws when the process ends or `limitMs` pass first */
  printed(text: string | RegExp, limitMs?: number): Promise<void>;
  signal(signal: Deno.Signal): void;
  /** The exit code. */
  ended: Promise<number>;
}

export function start(args: string[], options: CliOptions): Running {
  const child = command(args, options, "null").spawn();
  let output = "";
  let over = false;
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) output += text;
  };
  const read = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const ended = child.status.then(async ({ code }) => {
    await read;
    over = true;
    return code;
  });
  return {
    pid: child.pid,
    get output() {
      return output;
    },
    async printed(text, limitMs = 30_000) {
      const found = () => typeof text === "string" ? output.includes(text) : text.test(output);
      await until(found, limitMs, () => {
        assert.ok(!over || found(), `it ended before it printed ${text}:\n${output}`);
        return `it did not print ${text}:\n${output}`;
      });
    },
    signal: (signal) => child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await ended;
      assertNoSecret(output, `what "userpipe ${args[0]}" printed:\n${output}`);
    },
  };
}

/** Resolves once `holds` does. @throws after `limitMs`, with what `otherwise` says */
export async function until(
  holds: () => boolean | Promise<boolean>,
  limitMs: number,
  otherwise: () => string,
): Promise<void> {
  const end = Date.now() + limitMs;
  while (!await holds()) {
    const why = otherwise();
    assert.ok(Date.now() < end, why);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A folder of its own, searched for secrets and removed at the end. */
export async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-test-" });
  try {
    await work(folder);
    await assertNoSecretBelow(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
