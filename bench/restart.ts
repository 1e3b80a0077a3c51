/** kill -9 in the middle of a drain, and the same command again: how soon rows go on, and how many are written twice. */
import { Failure } from "./failure.ts";
import { cannotStart, ownKafka } from "../tests/support/own_services.ts";
import { Source } from "./kafka.ts";
import { pause } from "./measure.ts";
import { mustEnd, type Rig } from "./rig.ts";
import type { Row, Table } from "./table.ts";

const RECORDS = { quick: 50_000, full: 500_000 };
const TIMES = { quick: 1, full: 5 };
/** Killed when about so much is written. */
const SHARE = 0.1;
/** What was on its way when the process died is in the table after so long. */
const SETTLE_MS = 100;
const LOOK_EVERY_MS = 5;
const WITHIN_MS = 120_000;
/** Ids asked for at once. */
const CHUNK = 200;
const KAFKA_DEFAULT_DELAY_MS = 3_000;

/** A Kafka, and the keys of its topic by partition. */
interface Ground {
  source: Source;
  brokers: string;
  topic: string;
  keys: Map<number, string[]>;
}

export async function restart(rig: Rig): Promise<Table> {
  const size = rig.sizes.quick ? "quick" : "full";
  const notes: string[] = [];
  const rows = await onKafka(rig, rig.source, rig.where.brokers, size, rig.sizes.quick ? [true] : [true, false]);
  if (!rig.sizes.quick) rows.push(...await onDefaultKafka(rig, notes));
  return {
    title: "kill -9 in the middle, and started again at once",
    columns: [{ name: "launch to first new row, s", digits: 2 }, { name: "rows written again", digits: 0 }],
    rows,
    notes,
  };
}

/** On a Kafka that waits for more members before a group begins, as Kafka does where nothing else is set. */
async function onDefaultKafka(rig: Rig, notes: string[]): Promise<Row[]> {
  const reason = await cannotStart();
  if (reason !== undefined) {
    notes.push(`The Kafka with its default of ${KAFKA_DEFAULT_DELAY_MS} ms was left out: ${reason}.`);
    return [];
  }
  const folder = rig.dataFolder();
  await using kafka = await ownKafka(folder, { "group.initial.rebalance.delay.ms": String(KAFKA_DEFAULT_DELAY_MS) });
  await using source = new Source(kafka.endpoint);
  return await onKafka(rig, source, kafka.endpoint, "full", [true]);
}

/** @param kept whether the restarted process has the data folder of the one that was killed */
async function onKafka(
  rig: Rig,
  source: Source,
  brokers: string,
  size: "quick" | "full",
  kept: boolean[],
): Promise<Row[]> {
  const topic = `${rig.name}_restart`;
  const env = { KAFKA_BROKERS: brokers };
  source.made(topic);
  await rig.measure(["init", "--partitions", "4"], rig.env(topic, env));
  await rig.measure(["ingest", "--generate", String(RECORDS[size])], rig.env(topic, env));
  const ground = { source, brokers, topic, keys: await source.keys(topic) };
  const delay = await source.rebalanceDelayMs();
  const rows = kept.map((each): Row => ({
    name: `group.initial.rebalance.delay.ms ${delay}, ${each ? "data folder kept" : "data folder lost"}`,
    cells: [[], []],
  }));
  for (let n = 0; n < TIMES[size]; n++) {
    for (const [i, each] of kept.entries()) {
      const { firstMs, again } = await killed(rig, ground, each);
      rows[i]!.cells = rows[i]!.cells.map((cell, at) => [...cell, at === 0 ? firstMs / 1000 : again]);
    }
  }
  await source.remove(topic);
  return rows;
}

async function killed(rig: Rig, { source, brokers, topic, keys }: Ground, kept: boolean) {
  await rig.target.empty();
  const env = rig.env(topic, { KAFKA_BROKERS: brokers });
  const early = [...keys.values()].map((ids) => ids[Math.floor(ids.length * SHARE)]!);
  const first = await rig.start(["stream"], env);
  await first.until(async () => (await rig.target.present(early)).size > 0, WITHIN_MS, LOOK_EVERY_MS);
  await first.kill();
  await pause(SETTLE_MS);
  const { again, missing } = await standing(rig, keys, await source.committed(topic, env.KAFKA_GROUP!));
  if (missing.length === 0) throw new Failure("All was written before the process was killed: give it more records");

  const folder = kept ? env.USERPIPE_DATA_DIR! : rig.dataFolder();
  const second = await rig.start(["stream", "--until-caught-up"], { ...env, USERPIPE_DATA_DIR: folder });
  await second.until(async () => (await rig.target.present(missing)).size > 0, WITHIN_MS, LOOK_EVERY_MS);
  const firstMs = performance.now() - second.launched;
  mustEnd(second, await second.ended);
  await rig.mustHave([...keys.values()].reduce((sum, ids) => sum + ids.length, 0), "after kill -9");
  return { firstMs, again };
}

/** What is stored past the group's positions, and in each partition the first record that is not stored. */
async function standing(rig: Rig, keys: Ground["keys"], committed: Map<number, number>) {
  let again = 0;
  const missing: string[] = [];
  await Promise.all([...keys].map(async ([partition, ids]) => {
    let first: string | undefined;
    for (let from = committed.get(partition) ?? 0; from < ids.length; from += CHUNK) {
      const chunk = ids.slice(from, from + CHUNK);
      const there = await rig.target.present(chunk);
      first ??= chunk.find((id) => !there.has(id));
      again += there.size;
      if (there.size === 0) break;
    }
    if (first !== undefined) missing.push(first);
  }));
  return { again, missing };
}
