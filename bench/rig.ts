/** What every figure works with: the program, the two ends, a folder, and how large it is to be. */
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { Target } from "./cassandra.ts";
import { Source } from "./kafka.ts";
import { type Ended, killAll, measure, type Measured, type Running, start } from "./measure.ts";
import type { Program } from "./program.ts";
import type { Where } from "./where.ts";

/** How much is done. */
export interface Sizes {
  /** Records of the drain, of ingest and of the embedded ends. */
  records: number;
  /** Runs of what is compared. */
  repeat: number;
  /** Few records: what only takes time is cut short as well. */
  quick: boolean;
}

/** A topic with records. */
export interface Filled {
  topic: string;
  records: number;
  /** The last id of each partition. */
  last: string[];
}

const TABLE = "created_users";
const PARTITIONS = 4;

export class Rig implements AsyncDisposable {
  #groups = 0;
  #filled: Promise<Filled> | undefined;

  private constructor(
    readonly program: Program,
    readonly where: Where,
    readonly sizes: Sizes,
    /** Of the run: the keyspace, and the beginning of each topic. */
    readonly name: string,
    readonly folder: string,
    readonly source: Source,
    readonly target: Target,
  ) {}

  /** Connects to both ends, and makes the table. */
  static async open(program: Program, where: Where, sizes: Sizes): Promise<Rig> {
    const name = `bench_${crypto.randomUUID().slice(0, 8)}`;
    const folder = await Deno.makeTempDir({ prefix: "userpipe-bench-" });
    const rig = new Rig(
      program,
      where,
      sizes,
      name,
      folder,
      new Source(where.brokers),
      new Target(where.contactPoints, name, TABLE),
    );
    await rig.target.connect();
    try {
      await rig.makeTopic(name);
      await rig.target.keepNoSnapshots();
      return rig;
    } catch (error) {
      await rig[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The environment that names the ends; a group of its own each time. */
  env(topic: string, more: Record<string, string> = {}): Record<string, string> {
    return {
      KAFKA_BROKERS: this.where.brokers,
      KAFKA_TOPIC: topic,
      KAFKA_GROUP: this.group(),
      CASSANDRA_CONTACT_POINTS: this.where.contactPoints,
      CASSANDRA_KEYSPACE: this.name,
      CASSANDRA_TABLE: TABLE,
      USERPIPE_DATA_DIR: this.dataFolder(),
      ...more,
    };
  }

  group(): string {
    return `${this.name}_${++this.#groups}`;
  }

  /** A data folder that nobody used. */
  dataFolder(): string {
    return join(this.folder, `data-${crypto.randomUUID()}`);
  }

  /** Runs a command to its end. @throws {Failure} where it fails */
  measure(args: string[], env: Record<string, string>): Promise<Measured> {
    return measure(this.program, args, { cwd: this.folder, env });
  }

  start(args: string[], env: Record<string, string>): Promise<Running> {
    return start(this.program, args, { cwd: this.folder, env });
  }

  async makeTopic(topic: string): Promise<void> {
    this.source.made(topic);
    await this.measure(["init", "--partitions", String(PARTITIONS)], this.env(topic));
  }

  /** The topic of all drains with its records, and the last id of each of its partitions. */
  filled(): Promise<Filled> {
    return this.#filled ??= this.fill(this.name, this.sizes.records);
  }

  /** Publishes generated records to a topic that is there. */
  async fill(topic: string, records: number): Promise<Filled> {
    await this.measure(["ingest", "--generate", String(records), "--seed", topic], this.env(topic));
    const size = await this.source.size(topic);
    if (size !== records) throw new Failure(`${records} records were published and the topic has ${size}`);
    return { topic, records, last: await this.lastOf(topic) };
  }

  /** The last id of each partition. */
  async lastOf(topic: string): Promise<string[]> {
    return [...(await this.source.keys(topic, 1)).values()].flat();
  }

  /** Call the answer for how many lines Cassandra's log has since now of a batch of ours that was over a limit. */
  batchWarnings(): () => Promise<number | undefined> {
    const { cassandraLog } = this.where;
    if (cassandraLog === undefined) return async () => undefined;
    const { size } = Deno.statSync(cassandraLog);
    const line = new RegExp(`^.* WARN .*atch.*\\b${this.name}\\.`);
    return async () => {
      using file = await Deno.open(cassandraLog);
      await file.seek(size, Deno.SeekMode.Start);
      const text = await new Response(file.readable).text();
      return text.split("\n").filter((each) => line.test(each)).length;
    };
  }

  /** @throws {Failure} where the table has not so many rows */
  async mustHave(rows: number, who: string): Promise<void> {
    const found = await this.target.count();
    if (found !== rows) throw new Failure(`${who}: ${rows} records went in and ${found} rows came out`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killAll();
    await using _target = this.target;
    await using _source = this.source;
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** @throws {Failure} where it did not end well */
export function mustEnd(running: Running, { code }: Ended): void {
  if (code !== 0) throw new Failure(`It ended with ${code}:\n${running.output}`);
}
