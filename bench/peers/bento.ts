/** Bento, where a `bento` is on the path: Kafka to Cassandra by its own parts, as they come and with larger batches. */
import { join } from "node:path";
import { run } from "../../tools/services/process.ts";
import { type Contender, follow } from "../drain.ts";
import { start } from "../measure.ts";
import { COLUMNS } from "../messages.ts";
import type { Rig } from "../rig.ts";

/** Rows a batch and batches in flight. */
interface Tuning {
  rows: number;
  inFlight: number;
}

const AS_IT_COMES: Tuning = { rows: 1, inFlight: 64 };
const TUNED: Tuning = { rows: 50, inFlight: 16 };

/** None where there is no Bento. */
export async function bento(rig: Rig): Promise<Contender[]> {
  if ((await run("bento", ["--version"]))?.code !== 0) return [];
  return [
    { name: "Bento, as it comes", run: () => job(rig, AS_IT_COMES) },
    { name: `Bento, ${TUNED.rows} rows a batch`, run: () => job(rig, TUNED) },
  ];
}

/** JSON is YAML. */
function config(rig: Rig, topic: string, { rows, inFlight }: Tuning): unknown {
  const table = `${rig.name}.created_users`;
  return {
    http: { enabled: false },
    logger: { level: "WARN" },
    input: {
      kafka_franz: {
        seed_brokers: rig.where.brokers.split(","),
        topics: [topic],
        consumer_group: rig.group(),
        start_from_oldest: true,
        ...(rows === 1 ? {} : { batching: { count: rows, period: "10ms" }, checkpoint_limit: rows * inFlight * 2 }),
      },
    },
    output: {
      cassandra: {
        addresses: rig.where.contactPoints.split(","),
        query: `INSERT INTO ${table} (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`,
        args_mapping: `root = [${COLUMNS.map((name) => `this.${name}`).join(", ")}]`,
        consistency: "LOCAL_QUORUM",
        logged_batch: false,
        max_in_flight: inFlight,
      },
    },
  };
}

async function job(rig: Rig, tuning: Tuning) {
  const filled = await rig.filled();
  const file = join(rig.folder, "bento.json");
  await Deno.writeTextFile(file, JSON.stringify(config(rig, filled.topic, tuning)));
  const program = { name: "Bento", command: "bento", before: ["-c", file] };
  const running = await start(program, [], { cwd: rig.folder, env: {} });
  return await follow(rig, { running, filled, endsItself: false });
}
