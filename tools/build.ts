/**
 * `deno task build`: makes `./userpipe`, one executable, and runs it before it keeps it. By `deno compile`, or where
 * that cannot fetch its runtime archive, self-extracting.
 */
import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command } from "commander";
import { compile } from "./build/compile.ts";
import { ROOT } from "./build/options.ts";
import { BuildError, interruption } from "./build/program.ts";
import { selfExtracting } from "./build/self_extracting.ts";
import { smoke } from "./build/smoke.ts";

/** Beside the output, so that it becomes the output by a rename, whole or not at all. */
async function build(out: string): Promise<void> {
  if (isFolder(out)) throw new BuildError(`"${out}" is a folder`);
  if (!isFolder(dirname(out))) throw new BuildError(`There is no folder "${dirname(out)}"`);
  const folder = await Deno.makeTempDir({ dir: dirname(out), prefix: ".build-" });
  try {
    const made = join(folder, basename(out));
    await make(made, folder);
    await smoke(made, await subfolder(folder, "smoke"));
    await Deno.rename(made, out);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

async function make(made: string, folder: string): Promise<void> {
  const reason = await compile(made);
  if (reason === undefined) return;
  console.error(`The runtime archive of "deno compile" cannot be fetched, so it is made self-extracting: ${reason}`);
  await selfExtracting(made, await subfolder(folder, "parts"));
}

async function subfolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await Deno.mkdir(path);
  return path;
}

async function main({ out }: { out: string }): Promise<void> {
  const path = resolve(ROOT, out);
  await build(path);
  const megabytes = Math.round((await Deno.stat(path)).size / 1_000_000);
  console.log(`Made ${path} (${megabytes} MB), which streamed 1,000 rows`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interruption.abort(new BuildError(`Stopped by ${signal}`)));
}
try {
  await new Command("build")
    .description("Makes the executable and checks that it works.")
    .option("--out <path>", "where it is put, from the project's folder", "userpipe")
    .action(main)
    .parseAsync(Deno.args, { from: "user" });
  Deno.exit(0);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exit(1);
}
