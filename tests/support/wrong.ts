/** A command that must fail in two lines, with its exit code: the form of every operating error. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CliOptions, succeeds, userpipe, withFolder } from "./cli.ts";

export interface Wrong {
  args: string[];
  /** What the first line says. */
  message: RegExp;
  /** What the second says to do. */
  hint: RegExp;
  code: number;
  env?: Record<string, string>;
  stdin?: string;
  /** Files in the current folder beforehand. */
  files?: Record<string, string>;
  /** Commands to run beforehand. */
  before?: string[][];
}

/** Runs the command in a folder of its own and looks at what it says. */
export async function failsAsItShould(
  { args, message, hint, code, env, stdin, files = {}, before = [] }: Wrong,
): Promise<void> {
  await withFolder(async (cwd) => {
    for (const [path, content] of Object.entries(files)) {
      await Deno.mkdir(join(cwd, path, ".."), { recursive: true });
      await Deno.writeTextFile(join(cwd, path), content);
    }
    const options: CliOptions = { cwd, env };
    for (const earlier of before) await succeeds(earlier, options);
    const ended = await userpipe(args, { ...options, stdin });
    const all = `${ended.stdout}${ended.stderr}`;
    const lines = ended.stderr.trimEnd().split("\n").filter((line) => !line.startsWith("{"));
    assert.equal(ended.code, code, all);
    assert.equal(lines.length, 2, all);
    assert.match(lines[0]!, /^error: /);
    assert.match(lines[0]!, message);
    assert.match(lines[1]!, /^ {2}\S/);
    assert.match(lines[1]!, hint);
  });
}
