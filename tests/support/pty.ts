/** A command line in a terminal of its own, as a person sees it and ends it. */
import { stripVTControlCharacters } from "node:util";

export interface Terminal extends AsyncDisposable {
  /** Line by line what stands there in the end: a live line as it was last. */
  readonly output: string;
  readonly over: boolean;
  /** The exit code. */
  ended: Promise<number>;
  /** Ctrl-C. */
  interrupt(): Promise<void>;
}

export interface TerminalOptions {
  cwd: string;
  env: Record<string, string>;
}

/** `script` of util-linux, which every Linux has, gives it the terminal. */
export const NO_TERMINALS: string | undefined = Deno.build.os === "linux" ? undefined : "it takes Linux's script";

const COLUMNS = 110;

/** @param script lines of a shell; it ends at the first that fails */
export function openTerminal(script: string, { cwd, env }: TerminalOptions): Terminal {
  const child = new Deno.Command("script", {
    args: ["-qfec", `stty cols ${COLUMNS} rows 40; set -e; ${script}`, "/dev/null"],
    cwd,
    env: { ...env, SHELL: "/bin/sh", TERM: "xterm", NO_COLOR: "1" },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keyboard = child.stdin.getWriter();
  let raw = "";
  let over = false;
  const read = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) raw += text;
  })();
  const ended = child.status.then(async ({ code }) => {
    await read;
    over = true;
    await keyboard.close().catch(() => {});
    return code;
  });
  return {
    get output() {
      return stripVTControlCharacters(raw).split("\n").map((line) => line.replace(/\r+$/, "").split("\r").at(-1)).join(
        "\n",
      );
    },
    get over() {
      return over;
    },
    ended,
    interrupt: () => keyboard.write(new Uint8Array([3])),
    async [Symbol.asyncDispose]() {
      if (!over) child.kill("SIGKILL");
      await ended;
    },
  };
}
