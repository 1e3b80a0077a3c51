/** What is measured: the executable that `deno task build` made, or the sources with its flags; and its environment. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { COMPILED_FLAGS, ROOT } from "../tools/build/options.ts";

export interface Program {
  /** For people. */
  name: string;
  command: string;
  /** Arguments before those of userpipe. */
  before: string[];
}

/** The executable at `path`; without one `./userpipe`, and where that was not built the sources. */
export function programOf(path: string | undefined): Program {
  const built = path ?? join(ROOT, "userpipe");
  if (existsSync(built)) return { name: built, command: built, before: [] };
  if (path !== undefined) throw new Failure(`There is no executable at "${path}"`);
  return deno("the sources (no ./userpipe was built)", join(ROOT, "main.ts"));
}

/** A script of this folder, under the limits of memory and the permissions of the executable. */
export function script(file: string): Program {
  return deno(file, join(ROOT, "bench", file));
}

function deno(name: string, path: string): Program {
  return {
    name,
    command: Deno.execPath(),
    before: ["run", ...COMPILED_FLAGS, "--config", join(ROOT, "deno.json"), path],
  };
}

/** The environment without what would set the program's own settings, and with `env`. */
export function environment(env: Record<string, string>): Record<string, string> {
  const own = Object.entries(Deno.env.toObject()).filter(([name]) => !/^(USERPIPE|KAFKA|CASSANDRA)_/.test(name));
  return { ...Object.fromEntries(own), NO_COLOR: "1", ...env };
}

/** Whether a command of the program knows a flag. */
export async function hasFlag({ command, before }: Program, name: string, flag: string): Promise<boolean> {
  const help = new Deno.Command(command, { args: [...before, name, "--help"], env: environment({}), clearEnv: true });
  return new TextDecoder().decode((await help.output()).stdout).includes(`${flag} `);
}
