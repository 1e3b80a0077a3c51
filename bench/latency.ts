/** One record a second: from just before it is sent until it can be read in Cassandra. */
import { pause } from "./measure.ts";
import { records } from "./messages.ts";
import { mustEnd, type Rig } from "./rig.ts";
import { quantile, type Table } from "./table.ts";

const TIMES = { quick: 5, full: 200 };
/** Sent first, and not counted: the first of each kind of request costs all processes more. */
const WARM = 3;
const EVERY_MS = 1_000;
const WARM_EVERY_MS = 200;
const WITHIN_MS = 60_000;

export async function latency(rig: Rig): Promise<Table> {
  const topic = `${rig.name}_latency`;
  await rig.makeTopic(topic);
  await rig.target.empty();
  const producer = await rig.source.producer();
  const times: number[] = [];
  const running = await rig.start(["stream"], rig.env(topic));
  try {
    const messages = [...records(WARM + (rig.sizes.quick ? TIMES.quick : TIMES.full))];
    for (const [n, message] of messages.entries()) {
      const sent = performance.now();
      await producer.send({ topic, acks: -1, messages: [message] });
      await running.until(() => rig.target.has([message.key]), WITHIN_MS, 0);
      const ms = performance.now() - sent;
      if (n >= WARM) times.push(ms);
      await pause((n < WARM ? WARM_EVERY_MS : EVERY_MS) - ms);
    }
  } finally {
    await producer.disconnect();
    mustEnd(running, await running.stop());
  }
  await rig.source.remove(topic);
  return {
    title: "One record a second: sent to visible in Cassandra",
    columns: [{ name: "p50, ms", digits: 1 }, { name: "p99, ms", digits: 1 }, { name: "most, ms", digits: 1 }],
    rows: [{ name: `${times.length} records`, cells: [0.5, 0.99, 1].map((share) => [quantile(times, share)]) }],
  };
}
