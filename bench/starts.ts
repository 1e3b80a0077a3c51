/** How soon the program is there: its version, and the first row of a topic that has some. */
import type { Rig } from "./rig.ts";
import type { Table } from "./table.ts";

const TIMES = { quick: 3, full: 20 };
/** Enough that it does not end before it was looked at. */
const RECORDS = 1_000;
const LOOK_EVERY_MS = 2;
const WITHIN_MS = 60_000;

export async function starts(rig: Rig): Promise<Table> {
  const { topic, records } = await rig.filled();
  const versions: number[] = [];
  const firsts: number[] = [];
  for (let n = 0; n < (rig.sizes.quick ? TIMES.quick : TIMES.full); n++) {
    versions.push((await rig.measure(["--version"], {})).ms);
    await rig.target.empty();
    const running = await rig.start(["stream", "--max-records", String(Math.min(RECORDS, records))], rig.env(topic));
    await running.until(() => rig.target.hasAny(), WITHIN_MS, LOOK_EVERY_MS);
    firsts.push(performance.now() - running.launched);
    await running.ended;
  }
  await rig.target.empty();
  return {
    title: "Starts: launch to the end of --version, and to the first row in Cassandra",
    columns: [{ name: "s", digits: 3 }],
    rows: [
      { name: "--version", cells: [versions.map((ms) => ms / 1000)] },
      { name: "first row", cells: [firsts.map((ms) => ms / 1000)] },
    ],
  };
}
