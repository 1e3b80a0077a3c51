/**
 * `deno task services up|down|status|fetch`: a Kafka and a Cassandra for development and tests, with Docker Compose where a
 * daemon answers, else from Maven Central's jars with Java; where asked for also a Postgres, from what is installed, and a schema registry.
 * Everything is under the ignored folder `.services/`.
 */
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { cassandraJars } from "./services/cassandra.ts";
import { kafkaJars } from "./services/kafka.ts";
import { isAlive } from "./services/process.ts";
import { postgresUrl } from "./services/postgres.ts";
import { pythonWithConfluent } from "./services/python.ts";
import { fetchRegistry, registryUrl } from "./services/registry.ts";
import { endpointOf, type Service, ServiceError, type ServiceName, startedIn } from "./services/service.ts";
import {
  alone,
  answers,
  DEFAULT_PORT,
  down,
  hold,
  type Holder,
  isHeld,
  letGo,
  NAMES,
  running,
  up,
  USUAL,
} from "./services/set.ts";
import { DEFAULT_DIR, KAFKA_VERSION, NEXT_KAFKA_VERSION } from "./services/where.ts";

interface Flags {
  dir: string;
  only?: ServiceName;
  kafkaPort?: number;
  cassandraPort?: number;
  postgresPort?: number;
  postgres?: boolean;
  registryPort?: number;
  registry?: boolean;
  whilePid?: number;
  wipe?: boolean;
}

const WATCH_EVERY_MS = 500;

function say(line: string): void {
  console.log(line);
}

/** Those that a command is about: of Postgres and a registry it is only where it was asked for, or started here. */
function namesOf(flags: Flags): readonly ServiceName[] {
  const { dir, only, postgres, registry } = flags;
  if (only !== undefined) return [only];
  const asked: readonly (ServiceName | boolean | undefined)[] = [postgres && "postgres", registry && "registry"];
  const isIn = (name: ServiceName) =>
    USUAL.includes(name) || asked.includes(name) || startedIn(join(dir, name)) !== undefined;
  return NAMES.filter(isIn);
}

async function upCommand(flags: Flags): Promise<void> {
  if (flags.whilePid === undefined) return await bringUp(flags, "kept");
  const stopped = stopSignal();
  try {
    await bringUp(flags, flags.whilePid);
    await untilGone(flags.whilePid, stopped);
  } finally {
    await release(flags, flags.whilePid);
  }
}

async function bringUp(flags: Flags, holder: Holder): Promise<void> {
  const { dir, kafkaPort, cassandraPort, postgresPort, registryPort } = flags;
  const services = await alone(dir, say, async () => {
    const started = await up({
      dir,
      names: namesOf(flags),
      ports: { kafka: kafkaPort, cassandra: cassandraPort, postgres: postgresPort, registry: registryPort },
      say,
    });
    hold(dir, holder);
    return started;
  });
  say(`Use them with: ${services.map(flagOf).join(" ")}`);
}

async function untilGone(pid: number, stopped: AbortSignal): Promise<void> {
  while (isAlive(pid) && !stopped.aborted) await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
}

/** Aborted once this process is asked to end: what it keeps up must not outlive it. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => stop.abort());
  return stop.signal;
}

/** Ends a set that was up for `holder` alone. */
async function release(flags: Flags, holder: Holder): Promise<void> {
  await alone(flags.dir, say, async () => {
    letGo(flags.dir, holder);
    if (!isHeld(flags.dir)) await down(flags.dir, namesOf(flags), flags.wipe === true);
  });
}

function flagOf(service: Service): string {
  if (service.name === "postgres") return `--runs ${postgresUrl(service)}`;
  if (service.name === "registry") return `--schema-registry-url ${registryUrl(service)}`;
  return `${service.name === "kafka" ? "--brokers" : "--contact-points"} ${endpointOf(service)}`;
}

async function downCommand(flags: Flags): Promise<void> {
  const ended = await alone(flags.dir, say, async () => {
    if (flags.only === undefined) letGo(flags.dir);
    return await down(flags.dir, namesOf(flags), flags.wipe === true);
  });
  for (const service of ended) say(`${service.name}: ended`);
  if (ended.length === 0) say(`Nothing that was started in ${flags.dir} runs`);
}

async function statusCommand(flags: Flags): Promise<void> {
  const services = await running(flags.dir, namesOf(flags));
  for (const name of namesOf(flags)) {
    const service = services.find((each) => each.name === name);
    if (service === undefined) {
      say(`${name}: not started here`);
      Deno.exitCode = 1;
      continue;
    }
    const answering = await answers(service);
    if (!answering) Deno.exitCode = 1;
    const how = service.engine === "docker" ? "container" : `process ${service.pid}`;
    say(
      `${name}: ${answering ? "answers" : "does not answer"} on ${endpointOf(service)} (${how}; log: ${service.log})`,
    );
  }
}

/** One after the other, so that what is fetched does not share the way. */
async function fetchCommand(): Promise<void> {
  await kafkaJars(KAFKA_VERSION, say);
  await cassandraJars(say);
  await kafkaJars(NEXT_KAFKA_VERSION, say);
  await fetchRegistry(say);
  await pythonWithConfluent(say);
}

/** Prints what an operating error is and what to do, and sets the exit code; a defect goes on up. */
function fail(error: unknown): void {
  const lines = (error instanceof AggregateError ? error.errors : [error]).map((each) => {
    if (!(each instanceof ServiceError)) throw each;
    return `error: ${each.message}\n${each.hint}`;
  });
  // Both services fail with the same words where what both need is missing.
  for (const line of new Set(lines)) console.error(line);
  Deno.exitCode = 1;
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a whole number.");
  return Number(text);
}

function port(name: ServiceName): Option {
  return new Option(`--${name}-port <port>`, `port of ${name} (default ${DEFAULT_PORT[name]}; 0: any free one)`)
    .env(`USERPIPE_SERVICES_${name.toUpperCase()}_PORT`)
    .argParser(whole);
}

function command(name: string, description: string, action: (flags: Flags) => Promise<void>): Command {
  return new Command(name)
    .description(description)
    .option("--dir <folder>", "where the set lives, so that two can run at once", (dir) => resolve(dir), DEFAULT_DIR)
    .addOption(new Option("--only <service>", "that one alone").choices(NAMES))
    .action((flags: Flags) => action(flags).catch(fail));
}

const WIPE = "remove the data too";

await new Command("services")
  .description("Starts a Kafka and a Cassandra for development and tests, and ends what it started.")
  .addCommand(
    command("up", "start what does not run yet, and wait until both answer", upCommand)
      .addOption(port("kafka"))
      .addOption(port("cassandra"))
      .addOption(port("postgres"))
      .addOption(port("registry"))
      .option("--postgres", "a Postgres too")
      .option("--registry", "a schema registry too")
      .addOption(new Option("--while-pid <pid>", "stay, and end them when that process is gone").argParser(whole))
      .option("--wipe", `with --while-pid: ${WIPE} when it ends`),
  )
  .addCommand(command("down", "end what was started here", downCommand).option("--wipe", WIPE))
  .addCommand(command("status", "say what runs; exit code 1 where not all answer", statusCommand))
  .addCommand(
    new Command("fetch")
      .description("fetch what these and the tests start, where it is not there yet")
      .action(() => fetchCommand().catch(fail)),
  )
  .parseAsync();
