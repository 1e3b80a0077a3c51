/**
 * `deno task build`: makes `./userpipe`, one executable, and runs it before it keeps it. By `deno compile`, or where
 * that cannot fetch its runtime archive, self-extracting. `--target` and `--all` put those of other machines into
 * `dist/`, with their checksums.
 */
import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { SUMS, writeSums } from "./build/checksums.ts";
import { compile } from "./build/compile.ts";
import { ROOT } from "./build/options.ts";
import { buildAll } from "./build/dist.ts";
import { BuildError, interruption } from "./build/program.ts";
import { selfExtracting } from "./build/self_extracting.ts";
import { smoke } from "./build/smoke.ts";
import { fileOf, type Target, targetOf, TARGETS } from "./build/targets.ts";

/** Ignored by git, as what is put into it. */
const DIST = "dist";
const usual = Deno.build.os === "windows" ? "userpipe.exe" : "userpipe";

/** Beside the output, so that it becomes the output by a rename, whole or not at all. */
async function build(out: string, target: Target | undefined): Promise<void> {
  if (isFolder(out)) throw new BuildError(`"${out}" is a folder`);
  if (!isFolder(dirname(out))) throw new BuildError(`There is no folder "${dirname(out)}"`);
  const folder = await Deno.makeTempDir({ dir: dirname(out), prefix: ".build-" });
  try {
    const made = join(folder, basename(out));
    const other = target === Deno.build.target ? undefined : target;
    await make(made, folder, other);
    if (other === undefined) await smoke(made, await subfolder(folder, "smoke"));
    else await assertFor(other, made);
    await Deno.rename(made, out);
    await tell(out, other);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** @param other a machine other than this one */
async function make(made: string, folder: string, other: Target | undefined): Promise<void> {
  const reason = await compile(made, other);
  if (reason === undefined) return;
  const what = 'The runtime archive of "deno compile" cannot be fetched';
  if (other !== undefined) {
    throw new BuildError(
      `${what}: ${reason}\nWithout it an executable can be made for this machine alone, not for ${other}`,
    );
  }
  console.error(`${what}, so it is made self-extracting: ${reason}`);
  await selfExtracting(made, await subfolder(folder, "parts"));
}

/** All that can be said of an executable that does not run here. */
async function assertFor(target: Target, path: string): Promise<void> {
  const is = await targetOf(path);
  if (is !== target) {
    throw new BuildError(`"${path}" is an executable of ${is ?? "no known machine"} and not of ${target}`);
  }
}

async function tell(path: string, other: Target | undefined): Promise<void> {
  const megabytes = Math.round((await Deno.stat(path)).size / 1_000_000);
  const tried = other === undefined ? "which ran every command" : "which was not run: it is of another machine";
  console.log(`Made ${path} (${megabytes} MB), ${tried}`);
}

async function subfolder(folder: string, name: string): Promise<string> {
  const path = join(folder, name);
  await Deno.mkdir(path);
  return path;
}

interface Flags {
  out?: string;
  target?: Target;
  all?: boolean;
  check?: string;
}

async function main({ out, target, all, check }: Flags): Promise<void> {
  if (check !== undefined) return await checkOnly(resolve(ROOT, check));
  if (out !== undefined) return await build(resolve(ROOT, out), target);
  if (!all && target === undefined) return await build(join(ROOT, usual), undefined);
  const folder = join(ROOT, DIST);
  await Deno.mkdir(folder, { recursive: true });
  if (all) return await buildAll(folder, TARGETS, build, console.error);
  await build(join(folder, fileOf(target!)), target);
  await writeSums(folder);
}

async function checkOnly(program: string): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-check-" });
  try {
    await smoke(program, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(`${program} ran every command`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => interruption.abort(new BuildError(`Stopped by ${signal}`)));
}
try {
  await new Command("build")
    .description("Makes the executable, and runs every command of it before it is kept.")
    .option("--out <path>", `where it is put, from the project's folder (default ${usual}; for a target ${DIST}/)`)
    .addOption(new Option("--target <target>", "another machine than this one").choices(TARGETS))
    .addOption(new Option("--all", `for every target, with ${SUMS}`).conflicts(["out", "target"]))
    .addOption(new Option("--check <path>", "only run one that was made").conflicts(["out", "target", "all"]))
    .action(main)
    .parseAsync(Deno.args, { from: "user" });
  Deno.exit(0);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`error: ${error.message}`);
  Deno.exit(1);
}
