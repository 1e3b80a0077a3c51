/** What is left of a build for all machines where some of them fail: no file without its checksum, and no checksum without its file. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { buildAll } from "../tools/build/dist.ts";
import { BuildError } from "../tools/build/program.ts";
import { fileOf, type Target, TARGETS } from "../tools/build/targets.ts";
import { withFolder } from "./support/cli.ts";

const sums = (folder: string) => Deno.readTextFileSync(join(folder, "SHA256SUMS"));
const filesIn = (folder: string) => [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
const make = (out: string, target: Target) => Deno.writeTextFile(out, `of now, ${target}`);

/** A folder with all executables and their checksums, as an earlier build left them. */
async function built(folder: string): Promise<string> {
  await buildAll(folder, TARGETS, (out, target) => Deno.writeTextFile(out, `of before, ${target}`), assert.fail);
  return sums(folder);
}

Deno.test("where a target fails the others are made, nothing is left of it, and the checksums are of the others", () =>
  withFolder(async (folder) => {
    const before = await built(folder);
    assert.deepEqual(filesIn(folder), ["SHA256SUMS", ...TARGETS.map(fileOf)].sort());
    const [first, second, third] = TARGETS;
    const said: string[] = [];
    const build = async (out: string, target: Target) => {
      if (target === first || target === third) throw new BuildError("no archive");
      await make(out, target);
    };
    await assert.rejects(buildAll(folder, TARGETS, build, (line) => said.push(line)), (error: Error) => {
      const left = "SHA256SUMS there is of the 4 of 6 that were";
      assert.equal(error.message, `not made in "${folder}": ${first}, ${third}; ${left}`);
      return error instanceof BuildError;
    });
    assert.deepEqual(said, [`error: ${first}: no archive`, `error: ${third}: no archive`]);
    const made = TARGETS.filter((target) => target !== first && target !== third).map(fileOf).sort();
    assert.deepEqual(filesIn(folder), ["SHA256SUMS", ...made]);
    assert.deepEqual(sums(folder).trimEnd().split("\n").map((line) => line.split("  ")[1]), made);
    assert.ok(!before.includes(sums(folder).split("  ")[0]!), "the checksum of before");
    assert.ok(made.includes(fileOf(second)));
  }));

Deno.test("what breaks off a build of all leaves what was made with its checksums, and of none made nothing", () =>
  withFolder(async (folder) => {
    await built(folder);
    const [first, second] = TARGETS;
    const full = new Error("no space is left");
    const breaksAt = (at: Target) => async (out: string, target: Target) => {
      if (target === at) throw full;
      await make(out, target);
    };
    await assert.rejects(buildAll(folder, TARGETS, breaksAt(second), assert.fail), full);
    assert.deepEqual(filesIn(folder), ["SHA256SUMS", fileOf(first)]);
    await assert.rejects(buildAll(folder, TARGETS, breaksAt(first), assert.fail), full);
    assert.deepEqual(filesIn(folder), []);
  }));
