/** The Spark job that people use, as it stands in the tutorial and with the connector tuned; fetched once from PyPI and Maven. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "../failure.ts";
import { ROOT } from "../../tools/build/options.ts";
import { classPath, java } from "../../tools/services/java.ts";
import { run } from "../../tools/services/process.ts";
import { type Contender, follow } from "../drain.ts";
import { start } from "../measure.ts";
import { COLUMNS } from "../messages.ts";
import type { Rig } from "../rig.ts";

const VERSION = "3.5.7";
const SPARK = join(ROOT, ".services", `spark-${VERSION}`);
const VENV = join(SPARK, "venv");

/** From the connector's own manual: what makes its batches large. */
const TUNED = {
  "spark.cassandra.output.batch.grouping.key": "replica_set",
  "spark.cassandra.output.batch.size.bytes": "20000",
  "spark.cassandra.output.concurrent.writes": "8",
};

/** @throws {Failure} where it cannot be fetched */
export async function spark(rig: Rig, say: (line: string) => void): Promise<Contender[]> {
  await java();
  if (!existsSync(VENV)) await fetchPySpark(say);
  const jars = await classPath(join(SPARK, "jars"), [
    "com.datastax.spark:spark-cassandra-connector_2.12:3.5.1",
    `org.apache.spark:spark-sql-kafka-0-10_2.12:${VERSION}`,
  ], say);
  const files = [...Deno.readDirSync(jars.replace(/\*$/, ""))].map(({ name }) => join(SPARK, "jars", name)).join(",");
  return [
    { name: "Spark, the tutorial's job", run: () => job(rig, files, {}) },
    { name: "Spark, tuned", run: () => job(rig, files, TUNED) },
  ];
}

/** Made beside it and renamed, so that a folder that is there is whole. */
async function fetchPySpark(say: (line: string) => void): Promise<void> {
  say(`fetching pyspark ${VERSION} from PyPI`);
  const partial = `${VENV}.partial`;
  await Deno.remove(partial, { recursive: true }).catch(() => {});
  await Deno.mkdir(SPARK, { recursive: true });
  await must("python3", ["-m", "venv", partial]);
  await must(join(partial, "bin", "python"), ["-m", "pip", "install", "-q", `pyspark==${VERSION}`]);
  await Deno.rename(partial, VENV);
}

async function must(command: string, args: string[]): Promise<void> {
  const answer = await run(command, args);
  if (answer?.code !== 0) {
    throw new Failure(`${command} ${args.join(" ")} failed: ${answer?.stderr ?? "it is not there"}`);
  }
}

async function job(rig: Rig, jars: string, settings: Record<string, string>) {
  const filled = await rig.filled();
  const described = {
    jars,
    settings,
    brokers: rig.where.brokers,
    topic: filled.topic,
    contact_points: rig.where.contactPoints,
    keyspace: rig.name,
    table: "created_users",
    columns: COLUMNS,
    checkpoint: rig.dataFolder(),
  };
  const program = {
    name: "Spark",
    command: join(VENV, "bin", "python"),
    before: [join(ROOT, "bench/peers/spark_job.py")],
  };
  const running = await start(program, [JSON.stringify(described)], { cwd: rig.folder, env: {}, tree: true });
  return await follow(rig, { running, filled, endsItself: false });
}
