/** A data folder that fills up: a clear error, nothing that was acknowledged is lost, and it goes on when there is room. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../../tools/services/process.ts";
import { withFolder } from "../support/cli.ts";
import { reported } from "../support/fault_report.ts";
import { idsOf, Rig } from "../support/rig.ts";

const SMALL_MIB = 6;
const LARGE = "256m";

async function mount(folder: string, ...args: string[]): Promise<void> {
  const made = await run("mount", [...args, "-t", "tmpfs", "tmpfs", folder]);
  assert.equal(made?.code, 0, made?.stderr);
}

/** Why there can be no small file system here. */
async function cannotMount(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "it wants Linux";
  const folder = await Deno.makeTempDir();
  const made = await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]);
  if (made?.code === 0) await run("umount", [folder]);
  await Deno.remove(folder);
  return made?.code === 0 ? undefined : "mounting a tmpfs wants root";
}

const missing = await cannotMount();

Deno.test({
  name: `disk: the data folder fills up${missing ? ` (skipped: ${missing})` : ""}`,
  ignore: missing !== undefined,
  fn: () =>
    withFolder(async (cwd) => {
      const data = join(cwd, "userpipe-data");
      await Deno.mkdir(data);
      await mount(data, "-o", `size=${SMALL_MIB}m`);
      const about = { suite: "disk", fault: `a data folder of ${SMALL_MIB} MiB that fills up`, ends: "embedded" };
      try {
        await reported(about, () => fillsUp(new Rig(cwd, {}), data));
      } finally {
        const { code, stderr } = (await run("umount", [data]))!;
        assert.equal(code, 0, stderr);
      }
    }),
});

async function fillsUp(rig: Rig, data: string) {
  await rig.init();
  let seed = 0;
  for (; seed < 20; seed++) {
    const { code, stderr } = await rig.run("ingest", "--generate", "2000", "--seed", `s${seed}`);
    if (code === 0) continue;
    assert.equal(code, 3, stderr);
    assert.match(stderr, /^error: .*(full|no space|No space)/m);
    break;
  }
  assert.ok(seed > 0 && seed < 20, `${seed} runs went through`);
  const published = await publishedAfter(rig, data);
  assert.ok(published >= seed * 2_000, `${published} of ${seed * 2_000} that were acknowledged are there`);
  // There is room again: the run that failed is made again, and everything is carried.
  await rig.ingest(`s${seed}`, 2_000);
  await rig.drain();
  const seeds = Array.from({ length: seed + 1 }, (_, n) => `s${n}`);
  return { times: 1, seen: "one clear error, exit code 3", ...await rig.complete(idsOf(2_000, ...seeds)) };
}

/** What the topic holds once there is room. */
async function publishedAfter(rig: Rig, data: string): Promise<number> {
  await mount(data, "-o", `remount,size=${LARGE}`);
  return await rig.published();
}
