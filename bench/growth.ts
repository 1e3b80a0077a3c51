/**
 * From ten thousand records to ten million: what a row costs, beside the raw writer into a table of as many rows, and whether
 * all of them can be counted.
 */
import { statfsSync } from "node:fs";
import { search, writeRaw } from "./ceiling.ts";
import { Failure } from "./failure.ts";
import { ROOT } from "../tools/build/options.ts";
import { ours } from "./drain.ts";
import type { Settings } from "./raw_writer.ts";
import type { Rig } from "./rig.ts";
import { known, type Row, type Table } from "./table.ts";

/** Records, and how often. */
const STEPS = [[10_000, 5], [100_000, 5], [1_000_000, 3], [10_000_000, 1]] as const;
const FREE_BYTES = 20 * 1024 ** 3;

/** @throws {Failure} where there is too little room on the disk */
export async function growth(rig: Rig, say: (line: string) => void): Promise<Table> {
  const { bavail, bsize } = statfsSync(ROOT);
  if (bavail * bsize < FREE_BYTES) {
    throw new Failure(
      `There are ${Math.floor(bavail * bsize / 1024 ** 3)} GiB free below ${ROOT}, and --long wants 20`,
    );
  }
  const settings = await search(rig, "within");
  const rows: Row[] = [];
  for (const [records, times] of STEPS) {
    rows.push(await step(rig, records, times, settings));
    say(`growth: ${rows.at(-1)!.name}`);
  }
  return {
    title: "Growth: the cost of a row, without that of a start",
    columns: [
      { name: "µs a row", digits: 2 },
      { name: "raw writer, µs a row", digits: 2 },
      { name: "CPU, µs a row", digits: 2 },
      { name: "peak, MB", digits: 0 },
      { name: "query count, s", digits: 2 },
    ],
    rows,
  };
}

async function step(rig: Rig, records: number, times: number, settings: Settings): Promise<Row> {
  const topic = `${rig.name}_${records}`;
  await rig.makeTopic(topic);
  const filled = await rig.fill(topic, records);
  const cells: [number[], number[], number[], number[], number[]] = [[], [], [], [], []];
  for (let n = 0; n < times; n++) {
    await rig.target.empty();
    const raw = await writeRaw(rig, records, [settings]);
    await rig.target.empty();
    const env = rig.env(topic);
    const { firstRowMs = 0, lastRowMs, cpuMs, peakMb } = await ours(rig, [], filled, env);
    // The same group again: all is carried, so this is a start and nothing else.
    const nothing = await rig.measure(["stream", "--until-caught-up"], env);
    const counted = await rig.measure(["query", "count", "--format", "ndjson"], env);
    if (JSON.parse(counted.stdout).count !== records) throw new Failure(`query count of ${records}: ${counted.stdout}`);
    cells[0].push((lastRowMs - firstRowMs) / records * 1000);
    cells[1].push(raw.found[0]!.ms / records * 1000);
    cells[2].push(...known([cpuMs]).map((ms) => (ms - nothing.cpuMs) / records * 1000));
    cells[3].push(...known([peakMb]));
    cells[4].push(counted.ms / 1000);
  }
  await rig.source.remove(topic);
  await rig.target.empty();
  return { name: `${records.toLocaleString("en-US")} records`, cells };
}
