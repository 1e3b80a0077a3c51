/** The largest memory of a drain, by the number of records and by their size. */
import { ours } from "./drain.ts";
import { records } from "./messages.ts";
import type { Rig } from "./rig.ts";
import { known, type Row, type Table } from "./table.ts";

const FEW = 10_000;
const LARGE_BYTES = 100_000;
const LARGE = { quick: 200, full: 5_000 };
/** Messages of one request: under a broker's limit of 1 MB. */
const AT_ONCE = 8;

export async function memory(rig: Rig): Promise<Table> {
  const { quick, repeat } = rig.sizes;
  const count = quick ? LARGE.quick : LARGE.full;
  const few = await filled(rig, "few", FEW, 0);
  const large = await filled(rig, "large", count, LARGE_BYTES);
  const rows: Row[] = [
    { name: `${FEW.toLocaleString("en-US")} records of 400 B`, cells: [[], []] },
    { name: `${count.toLocaleString("en-US")} records of 100 KB`, cells: [[], []] },
  ];
  for (let n = 0; n < repeat; n++) {
    for (const [i, topic] of [few, large].entries()) {
      await rig.target.empty();
      const { peakMb, lastRowMs } = await ours(rig, [], topic);
      rows[i]!.cells = [[...rows[i]!.cells[0]!, ...known([peakMb])], [...rows[i]!.cells[1]!, lastRowMs / 1000]];
    }
  }
  await rig.target.empty();
  await rig.source.remove(few.topic, large.topic);
  return {
    title: "Memory of a drain, by what is on the topic",
    columns: [{ name: "peak, MB", digits: 0 }, { name: "launch to last row, s", digits: 2 }],
    rows,
  };
}

async function filled(rig: Rig, name: string, count: number, bytes: number) {
  const topic = `${rig.name}_${name}`;
  await rig.makeTopic(topic);
  if (bytes === 0) return await rig.fill(topic, count);
  const producer = await rig.source.producer();
  for (let sent = 0; sent < count; sent += AT_ONCE) {
    await producer.send({ topic, acks: -1, messages: [...records(Math.min(AT_ONCE, count - sent), bytes)] });
  }
  await producer.disconnect();
  return { topic, records: count, last: await rig.lastOf(topic) };
}
