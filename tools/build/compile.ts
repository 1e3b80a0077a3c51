/** The executable by `deno compile`, which needs a runtime archive that not every machine can fetch. */
import { COMPILED_FLAGS, MAIN, ROOT, WORKER } from "./options.ts";
import { failure, type Outcome, run } from "./program.ts";
import type { Target } from "./targets.ts";

/** Deno's words for all that it does to get the archive, and for nothing else. */
const GETTING_THE_ARCHIVE = "Setting up base binary.";

export function compileArgs(out: string, target: Target | undefined): string[] {
  return [
    "compile",
    "--no-check",
    // What only tests and tools use is in the lock file too.
    "--exclude-unused-npm",
    "--app-name=userpipe",
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...COMPILED_FLAGS,
    "--include",
    WORKER,
    "--output",
    out,
    MAIN,
  ];
}

/**
 * @param target by default this machine
 * @returns undefined, or why the runtime archive cannot be fetched
 * @throws {BuildError} whatever else stops `deno compile`
 */
export async function compile(out: string, target?: Target): Promise<string | undefined> {
  const args = compileArgs(out, target);
  const outcome = await run(Deno.execPath(), args, { cwd: ROOT });
  if (outcome.code === 0) return undefined;
  const reason = archiveTrouble(outcome);
  if (reason === undefined) throw failure("deno", args, outcome);
  return reason;
}

/** Why the archive cannot be fetched, where that is why `deno compile` failed. */
export function archiveTrouble({ stderr }: Outcome): string | undefined {
  const lines = stderr.split("\n").map((line) => line.replace(/^\s*\d+: /, "").trim());
  const at = lines.indexOf(GETTING_THE_ARCHIVE);
  return at < 0 ? undefined : lines[at + 1] || "no reason given";
}
