/** The folder of executables for several machines: whatever became of each, what is in it goes with its checksums. */
import { join } from "node:path";
import { SUMS, writeSums } from "./checksums.ts";
import { BuildError, interruption } from "./program.ts";
import { fileOf, type Target } from "./targets.ts";

/**
 * One after the other; one that cannot be made does not hold up the others. Of those that were not made nothing is left from
 * before, and `SHA256SUMS` has exactly those that were; where none was, there is none.
 * @param say is told of each that fails
 * @throws {BuildError} naming those that were not made
 */
export async function buildAll(
  folder: string,
  targets: readonly Target[],
  build: (out: string, target: Target) => Promise<void>,
  say: (line: string) => void,
): Promise<void> {
  const missing = new Set(targets);
  try {
    for (const target of targets) {
      try {
        await build(join(folder, fileOf(target)), target);
        missing.delete(target);
      } catch (error) {
        if (!(error instanceof BuildError) || interruption.signal.aborted) throw error;
        say(`error: ${target}: ${error.message}`);
      }
    }
  } finally {
    for (const target of missing) await removed(join(folder, fileOf(target)));
    if (missing.size < targets.length) await writeSums(folder);
    else await removed(join(folder, SUMS));
  }
  if (missing.size === 0) return;
  const made = targets.length - missing.size;
  const left = made === 0 ? "nothing is there" : `${SUMS} there is of the ${made} of ${targets.length} that were`;
  throw new BuildError(`not made in "${folder}": ${[...missing].join(", ")}; ${left}`);
}

async function removed(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
