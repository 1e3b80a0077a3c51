/**
 * `deno task bench`: the figures, on the Kafka and the Cassandra that are up. Prints them and, with `--write`, puts them
 * into the README. Fails only where a run does not finish or a row is missing.
 */
import { loadavg } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { ROOT } from "../tools/build/options.ts";
import { ServiceError } from "../tools/services/service.ts";
import { warmUp } from "./ceiling.ts";
import { type Contender, drain } from "./drain.ts";
import { embedded } from "./embedded.ts";
import { Failure } from "./failure.ts";
import { growth } from "./growth.ts";
import { idle } from "./idle.ts";
import { ingest } from "./ingest.ts";
import { latency } from "./latency.ts";
import { interrupt } from "./measure.ts";
import { memory } from "./memory.ts";
import { meanBytes } from "./messages.ts";
import { page } from "./page.ts";
import { bento } from "./peers/bento.ts";
import { spark } from "./peers/spark.ts";
import { programOf } from "./program.ts";
import { restart } from "./restart.ts";
import { Rig } from "./rig.ts";
import { starts } from "./starts.ts";
import { markdown, plain, replaced, type Table } from "./table.ts";
import { where } from "./where.ts";
import { workers } from "./workers.ts";

type Figure = (rig: Rig, say: (line: string) => void) => Promise<Table>;

const FIGURES = { starts, latency, idle, restart, ingest, embedded, workers, page, memory } satisfies Record<
  string,
  Figure
>;
const NAMES = ["drain", ...Object.keys(FIGURES)];
/** Only where it is asked for: it takes long, and much of the disk. */
const GROWTH = "growth";
const README = join(ROOT, "README.md");
/** Below it everything is cut short. */
const FULL_FROM = 200_000;

interface Flags {
  records: number;
  repeat?: number;
  only?: string[];
  peers: string[];
  long?: boolean;
  write?: boolean;
  program?: string;
  brokers?: string;
  contactPoints?: string;
}

function say(line: string): void {
  console.error(line);
}

async function main(flags: Flags): Promise<void> {
  // A file that cannot take the figures is told of before they are made.
  if (flags.write) replaced(await Deno.readTextFile(README), "");
  const quick = flags.records < FULL_FROM;
  const sizes = { records: flags.records, repeat: flags.repeat ?? (quick ? 1 : 5), quick };
  const program = programOf(flags.program);
  await using rig = await Rig.open(program, await where(flags), sizes);
  const head = await conditions(rig);
  console.log(`${program.name}\n${head}\n`);
  busy();
  const tables = await figures(rig, flags);
  if (!flags.write) return;
  const block = [head, ...tables.map(markdown)].join("\n\n");
  await Deno.writeTextFile(README, replaced(await Deno.readTextFile(README), block));
  console.log(`Written into ${README}`);
}

async function figures(rig: Rig, { peers, long, only = long ? [...NAMES, GROWTH] : NAMES }: Flags): Promise<Table[]> {
  const tables: Table[] = [];
  const show = (table: Table) => {
    tables.push(table);
    console.log(`${plain(table)}\n`);
  };
  say("warming up Cassandra");
  await warmUp(rig);
  if (only.includes("drain")) show(await drain(rig, await contenders(rig, peers), say));
  for (const [name, figure] of Object.entries(FIGURES)) {
    if (!only.includes(name)) continue;
    say(name);
    show(await figure(rig));
  }
  if (only.includes(GROWTH)) show(await growth(rig, say));
  return tables;
}

async function contenders(rig: Rig, peers: string[]): Promise<Contender[]> {
  return [...peers.includes("spark") ? await spark(rig, say) : [], ...await bento(rig)];
}

/** In one line, what the figures depend on. */
async function conditions(rig: Rig): Promise<string> {
  const { records, repeat } = rig.sizes;
  const runs = repeat === 1 ? "one run each" : `medians of ${repeat} runs in turn, with the least and the most`;
  return `${records.toLocaleString("en-US")} records of ${
    Math.round(meanBytes())
  } B, ${runs}; ${navigator.hardwareConcurrency} cores with ` +
    `Kafka and Cassandra ${await rig.target.version()} on them, Deno ${Deno.version.deno}.`;
}

function busy(): void {
  const load = loadavg()[0]!;
  if (load > navigator.hardwareConcurrency / 4) {
    say(`The machine has other work to do (load ${load.toFixed(1)}): the figures will be lower than they could be`);
  }
}

function whole(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It is a whole number from 1 on.");
  return Number(text);
}

function names(known: readonly string[]) {
  return (text: string) => {
    const given = text.split(",");
    const wrong = given.filter((name) => !known.includes(name));
    if (wrong.length > 0) throw new InvalidArgumentError(`They are ${known.join(", ")}.`);
    return given;
  };
}

const INTERRUPTED = 130;
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    if (stopped) Deno.exit(INTERRUPTED);
    stopped = true;
    interrupt(new Failure(`Stopped by ${signal}`));
  });
}
try {
  await new Command("bench")
    .description("Measures userpipe on a Kafka and a Cassandra that are up.")
    .option("--records <n>", `of the drain and of ingest; below ${FULL_FROM} everything is cut short`, whole, 1_000_000)
    .option("--repeat <n>", "runs of what is compared (default: 5, and 1 where it is cut short)", whole)
    .addOption(new Option("--only <figures>", `${NAMES.join(", ")}, ${GROWTH}`).argParser(names([...NAMES, GROWTH])))
    .addOption(
      new Option("--peers <names>", "spark").argParser(names(["spark"])).default([], "bento where there is one"),
    )
    .option("--long", `also ${GROWTH}: from 10,000 to 10,000,000 records, which takes 20 GB of disk`)
    .option("--write", "puts the tables between the marks in the README")
    .option("--program <path>", "another executable than ./userpipe")
    .option("--brokers <list>", "Kafka (default: KAFKA_BROKERS, what `deno task services` has up, or port 9092)")
    .option("--contact-points <list>", "Cassandra (default: CASSANDRA_CONTACT_POINTS, …, or port 9042)")
    .action(main)
    .parseAsync();
  // A driver that lost a connection on the way may keep a timer.
  Deno.exit(0);
} catch (error) {
  if (!stopped && !(error instanceof Failure || error instanceof ServiceError)) throw error;
  console.error(`error: ${(error as Error).message}${error instanceof ServiceError ? `\n${error.hint}` : ""}`);
  Deno.exit(stopped ? INTERRUPTED : 1);
}
