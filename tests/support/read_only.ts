/** Folders that may not be written while a test looks at them. */
import assert from "node:assert/strict";
import { run } from "../../tools/services/process.ts";

export const asRoot = Deno.build.os === "linux" && Deno.uid() === 0;

/** The folder, which nobody may write to while `work` runs: for root, who may write anywhere, a file system of its own. */
export async function readOnly(folder: string, work: () => Promise<void>): Promise<void> {
  if (asRoot) await done("mount", "--bind", "-o", "ro", folder, folder);
  else await done("chmod", "-R", "a-w", folder);
  try {
    await work();
  } finally {
    if (asRoot) await done("umount", folder);
    else await done("chmod", "-R", "u+w", folder);
  }
}

/** Runs a command that must succeed. */
export async function done(command: string, ...args: string[]): Promise<void> {
  const ended = await run(command, args);
  assert.equal(ended?.code, 0, `${command}: ${ended?.stderr}`);
}

/** Why no folder can be made so here; undefined where one can. */
export async function cannotBeReadOnly(): Promise<string | undefined> {
  if (Deno.build.os === "windows") return "Windows keeps no such permissions";
  const folder = await Deno.makeTempDir();
  try {
    await readOnly(folder, async () => {});
    return undefined;
  } catch {
    return "a read-only mount wants more rights than root has here";
  } finally {
    await Deno.remove(folder);
  }
}
