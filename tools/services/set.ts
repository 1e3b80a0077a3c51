/** A set of services, one Kafka, one Cassandra and, where asked for, a Postgres and a registry in a folder: started, ended and looked at together, by one at a time. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startCassandra } from "./cassandra.ts";
import { composeWorks, isContainerRunning, startContainer, stopContainers } from "./docker.ts";
import { startKafka } from "./kafka.ts";
import { cassandraAnswers, freePort, kafkaAnswers, postgresAnswers, registryAnswers } from "./ports.ts";
import { startPostgres } from "./postgres.ts";
import { isAlive } from "./process.ts";
import { startRegistry } from "./registry.ts";
import { assertPortFree, type Service, ServiceError, type ServiceName, startedIn, stopService } from "./service.ts";

export const NAMES: readonly ServiceName[] = ["kafka", "cassandra", "postgres", "registry"];

/** Those that are started where none is named. */
export const USUAL: readonly ServiceName[] = ["kafka", "cassandra"];

export const DEFAULT_PORT: Record<ServiceName, number> = {
  kafka: 9092,
  cassandra: 9042,
  postgres: 5432,
  registry: 8081,
};

/** Where the search for a free port begins: below the range that outgoing connections take theirs from. */
const FREE_PORT_FROM: Record<ServiceName, number> = {
  kafka: 19092,
  cassandra: 19042,
  postgres: 15432,
  registry: 18081,
};

const ADDRESS = "127.0.0.1";

export interface UpOptions {
  /** The set's folder, absolute. */
  dir: string;
  names: readonly ServiceName[];
  /** Undefined: that of the one that runs, else the default. 0: that of the one that runs, else any free one. */
  ports: Partial<Record<ServiceName, number>>;
  say: (line: string) => void;
}

/** The services of a set that run, whether or not they answer. */
export async function running(dir: string, names: readonly ServiceName[] = NAMES): Promise<Service[]> {
  const started = names.map((name) => startedIn(join(dir, name))).filter((service) => service !== undefined);
  const runs = await Promise.all(
    started.map((service) => service.engine !== "docker" || isContainerRunning(dir, service.name)),
  );
  return started.filter((_, index) => runs[index]);
}

const ANSWERS: Record<ServiceName, (address: string, port: number) => Promise<boolean>> = {
  kafka: kafkaAnswers,
  cassandra: cassandraAnswers,
  postgres: postgresAnswers,
  registry: registryAnswers,
};

export function answers({ name, address, port }: Service): Promise<boolean> {
  return ANSWERS[name](address, port);
}

/**
 * Starts what does not run yet and returns once all answer. One that fails does not hold up the other.
 * @throws {AggregateError} of a {@linkcode ServiceError} for each that failed.
 */
export async function up(options: UpOptions): Promise<Service[]> {
  const compose = await composeWorks();
  let before: Promise<unknown> = Promise.resolve();
  const starts = options.names.map((name) => {
    const docker = compose && USUAL.includes(name);
    // Two of Compose at once would both make the network.
    const start = docker ? before.then(() => upOne(name, docker, options)) : upOne(name, docker, options);
    before = start.catch(() => {});
    return start;
  });
  const outcomes = await Promise.allSettled(starts);
  const failed = outcomes.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason);
  if (failed.length > 0) throw new AggregateError(failed);
  return outcomes.filter((outcome) => outcome.status === "fulfilled").map((outcome) => outcome.value);
}

async function upOne(name: ServiceName, docker: boolean, { dir, ports, say: sayLine }: UpOptions): Promise<Service> {
  const say = (line: string) => sayLine(`${name}: ${line}`);
  const wanted = ports[name];
  const [there] = await running(dir, [name]);
  if (there !== undefined) {
    if (wanted && wanted !== there.port) {
      throw new ServiceError(
        `${name} of this set runs already, on port ${there.port} and not on ${wanted}`,
        `End it first ("deno task services down"), or start another set with --dir`,
      );
    }
    if (!await answers(there)) {
      throw new ServiceError(
        `${name} runs on port ${there.port} but does not answer`,
        `End it ("deno task services down") and start it again. Its log: ${there.log}`,
      );
    }
    say(`runs already on ${there.address}:${there.port}`);
    return there;
  }
  const port = wanted === 0 ? freePort(ADDRESS, FREE_PORT_FROM[name]) : wanted ?? DEFAULT_PORT[name];
  // Before anything is fetched. Of containers Compose says it, and one that runs already has its port.
  if (!docker) await assertPortFree({ name, address: ADDRESS, port, answers: ANSWERS[name] });
  const from = performance.now();
  say(
    `starting on ${ADDRESS}:${port} ${
      docker ? "in a container" : name === "postgres" ? "from what is installed" : "with Java"
    }`,
  );
  const service = await startOne(name, docker, { dir, port, say });
  say(`answers after ${((performance.now() - from) / 1000).toFixed(1)} s`);
  return service;
}

function startOne(
  name: ServiceName,
  docker: boolean,
  { dir, port, say }: { dir: string; port: number; say: (line: string) => void },
): Promise<Service> {
  if (docker) return startContainer(dir, name, port);
  const options = { dir: join(dir, name), port, say };
  if (name === "postgres") return startPostgres(options);
  if (name === "registry") return startRegistry(options);
  return name === "kafka" ? startKafka(options) : startCassandra(options);
}

/** Ends what was started in a set and returns it; with `wipe` the data go too. */
export async function down(dir: string, names: readonly ServiceName[], wipe: boolean): Promise<Service[]> {
  const started = names.map((name) => startedIn(join(dir, name))).filter((service) => service !== undefined);
  await Promise.all(started.filter(({ engine }) => engine !== "docker").map((service) => stopService(service)));
  const contained = started.filter(({ engine }) => engine === "docker").map(({ name }) => name);
  if (contained.length > 0) await stopContainers(dir, contained, wipe);
  if (wipe) { for (const name of names) rmSync(join(dir, name), { recursive: true, force: true }); }
  return started;
}

/** Runs `action` while no other process works on this set; the kernel frees the lock of one that dies. */
export async function alone<Result>(
  dir: string,
  say: (line: string) => void,
  action: () => Promise<Result>,
): Promise<Result> {
  mkdirSync(dir, { recursive: true });
  using lock = await Deno.open(join(dir, "lock"), { create: true, write: true });
  if (!await lock.tryLock(true)) {
    say(`waiting for another "services" command on ${dir}`);
    await lock.lock(true);
  }
  return await action();
}

/** Who keeps a set up: a process by its number, or `kept` for one that is up until `down`. */
export type Holder = number | "kept";

/** Where it is on record that `holder` keeps the set up; it is there once the set answers. */
export function holderFile(dir: string, holder: Holder): string {
  return join(dir, "holders", String(holder));
}

export function hold(dir: string, holder: Holder): void {
  mkdirSync(join(dir, "holders"), { recursive: true });
  writeFileSync(holderFile(dir, holder), "");
}

/** Takes back what {@linkcode hold} said; without a holder, that of everybody. */
export function letGo(dir: string, holder?: Holder): void {
  rmSync(holder === undefined ? join(dir, "holders") : holderFile(dir, holder), { recursive: true, force: true });
}

/** Whether anybody still keeps the set up. */
export function isHeld(dir: string): boolean {
  const holders = join(dir, "holders");
  return existsSync(holders) && readdirSync(holders).some((holder) => holder === "kept" || isAlive(Number(holder)));
}
