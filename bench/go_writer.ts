/** The raw writer in Go, where Go is there: built once, and handed the same rows. */
import { join } from "node:path";
import { ROOT } from "../tools/build/options.ts";
import { run } from "../tools/services/process.ts";
import type { Contender } from "./drain.ts";
import { measure } from "./measure.ts";
import { COLUMNS } from "./messages.ts";
import { contents } from "./raw_rows.ts";
import type { Rig } from "./rig.ts";

const PROGRAM = join(ROOT, ".services", "go", "raw_writer");

/** Rows of 500 B: under each limit with a little room, since it counts rows only. */
const SETTINGS = { within: { rows: 9, inFlight: 32 }, over: { rows: 88, inFlight: 8 } };

/** @param against the ceilings within and over the limits, by name. @returns the contenders, or why there are none */
export async function goWriter(rig: Rig, against: string[]): Promise<Contender[] | string> {
  const built = await run("go", ["build", "-o", PROGRAM, "."], { cwd: join(ROOT, "bench") });
  if (built === undefined) return "there is no go on the path";
  if (built.code !== 0) return `go cannot build it: ${built.stderr.trim().split("\n")[0]}`;
  const input = join(rig.folder, "rows.json");
  await Deno.writeTextFile(input, JSON.stringify({ columns: COLUMNS, contents: [...contents(rig.sizes.records)] }));
  return (["within", "over"] as const).map((limits, i) => ({ ...contender(rig, input, limits), against: against[i] }));
}

function contender(rig: Rig, input: string, limits: keyof typeof SETTINGS): Contender {
  const { rows, inFlight } = SETTINGS[limits];
  const { records } = rig.sizes;
  const args = [
    ...["-contact-points", rig.where.contactPoints, "-table", `${rig.name}.created_users`, "-input", input],
    ...["-rows", String(records), "-batch-rows", String(rows), "-in-flight", String(inFlight)],
  ];
  return {
    name: `raw writer in Go, ${limits}`,
    async run() {
      const program = { name: "the raw writer in Go", command: PROGRAM, before: [] };
      const { stdout, cpuMs, peakMb } = await measure(program, args, { cwd: rig.folder, env: {} });
      await rig.mustHave(records, program.name);
      return { lastRowMs: JSON.parse(stdout).ms, cpuMs, peakMb };
    },
  };
}
