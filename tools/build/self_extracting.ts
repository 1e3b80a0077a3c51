/**
 * The executable where `deno compile` cannot make one: a shell program with this Deno and the bundled code behind
 * it, as launcher.sh tells.
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { stop, transform } from "esbuild";
import launcher from "./launcher.sh" with { type: "text" };
import { MAIN, ROOT, RUN_FLAGS, VERSION, WORKER } from "./options.ts";
import { BuildError, failure, run } from "./program.ts";

/** As the bundler prints it, in the one file that starts it. */
const WORKER_URL = `new URL("./worker.ts", import.meta.url)`;

/** Lines of about this many characters, so that a stack trace still says where. */
const LINE = 160;

/**
 * @param folder an empty folder for what is made on the way
 * @throws {BuildError} where the code cannot be bundled or packed
 */
export async function selfExtracting(out: string, folder: string): Promise<void> {
  const app = join(folder, "app");
  await must(Deno.execPath(), bundleArgs(app));
  pointAtBundledWorker(app);
  await withoutIndents(app);
  await Deno.symlink(Deno.execPath(), join(folder, "deno"));
  const payload = join(folder, "payload.tar.gz");
  await must("tar", ["-chzf", payload, "-C", folder, "deno", "app"]);
  const bundled = filesOf(app);
  const packed = ["deno", ...bundled.map((file) => relative(folder, file))];
  await write(out, launch(hashOf([Deno.execPath(), ...bundled]), packed), payload);
}

/** Split, so that a start reads only the code that its command needs; not minified, which would rename classes. */
function bundleArgs(app: string): string[] {
  return ["bundle", "--platform=deno", "--code-splitting", `--outdir=${app}`, MAIN, WORKER];
}

async function must(program: string, args: string[]): Promise<void> {
  const outcome = await run(program, args, { cwd: ROOT });
  if (outcome.code !== 0) throw failure(program, args, outcome);
}

/** The bundler keeps the URL as it stands in the source, but moves the code around it and renames the worker. */
function pointAtBundledWorker(app: string): void {
  const worker = join(app, WORKER.replace(/\.ts$/, ".js"));
  let found = 0;
  for (const file of filesOf(app)) {
    const code = Deno.readTextFileSync(file);
    const pieces = code.split(WORKER_URL);
    if (pieces.length === 1) continue;
    found += pieces.length - 1;
    const path = relative(dirname(file), worker);
    Deno.writeTextFileSync(file, pieces.join(`new URL("./${path}", import.meta.url)`));
  }
  if (found !== 1) throw new BuildError(`The bundle has ${WORKER_URL} ${found} times, and it should once`);
}

/**
 * Each thread keeps its code's text twice, and a third of that is indents: 3 MB of an idle process. The bundler's own
 * `--minify` renames what a stack trace names, and breaks `require`.
 */
async function withoutIndents(app: string): Promise<void> {
  try {
    for (const file of filesOf(app)) {
      const code = await Deno.readTextFile(file);
      const smaller = await transform(code, { format: "esm", minifyWhitespace: true, lineLimit: LINE });
      await Deno.writeTextFile(file, smaller.code);
    }
  } finally {
    await stop();
  }
}

/** In the same order every time. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Of what is packed and not of the archive, which has times in it: the same code is unpacked once. */
function hashOf(files: string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(Deno.readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

/** @param packed paths without spaces, as the bundler makes them: the launcher looks for each */
function launch(id: string, packed: string[]): string {
  const lines = launcher.split("\n").length;
  return launcher
    .replaceAll("@VERSION@", VERSION)
    .replaceAll("@ID@", id)
    .replaceAll("@FILES@", packed.join(" "))
    .replaceAll("@LINE@", String(lines))
    .replaceAll("@FLAGS@", RUN_FLAGS.join(" "));
}

async function write(out: string, head: string, payload: string): Promise<void> {
  await Deno.writeTextFile(out, head, { createNew: true, mode: 0o755 });
  await Deno.writeFile(out, (await Deno.open(payload)).readable, { append: true });
}
