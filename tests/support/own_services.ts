/** A Kafka, a Cassandra, a Postgres or a registry of a test's own: it may stop, freeze and kill them. Their data are kept from start to start. */
import { join } from "node:path";
import { type CassandraOptions, startCassandra } from "../../tools/services/cassandra.ts";
import { java } from "../../tools/services/java.ts";
import { type KafkaOptions, startKafka } from "../../tools/services/kafka.ts";
import { type PostgresOptions, postgresUrl, startPostgres } from "../../tools/services/postgres.ts";
import { registryUrl, startRegistry } from "../../tools/services/registry.ts";
import { familyOf, signalTo } from "../../tools/services/process.ts";
import { endpointOf, type Service, stopService } from "../../tools/services/service.ts";
import { ownPorts, type Ports } from "./own_ports.ts";
import { oddSecretOf } from "./secrets.ts";

/** Below the range that outgoing connections take theirs from, and above that of the services by hand. */
const KAFKA_FROM = 21_092;
const CASSANDRA_FROM = 21_542;
const POSTGRES_FROM = 21_932;
const REGISTRY_FROM = 20_881;

export class OwnService implements AsyncDisposable {
  readonly #start: () => Promise<Service>;
  readonly #ports: Disposable;
  #service: Service | undefined;

  /** @param ports given back with it */
  constructor(ports: Disposable, start: () => Promise<Service>) {
    this.#ports = ports;
    this.#start = start;
  }

  /** `host:port` for clients. */
  get endpoint(): string {
    return endpointOf(this.#running());
  }

  /** Resolves once it answers. */
  async start(): Promise<this> {
    try {
      this.#service = await this.#start();
    } catch (error) {
      // Nobody has it yet to dispose of it.
      if (this.#service === undefined) this.#ports[Symbol.dispose]();
      throw error;
    }
    return this;
  }

  /** Asks it to end. */
  stop(): Promise<void> {
    return stopService(this.#running());
  }

  /** SIGKILL. */
  kill(): Promise<void> {
    return stopService(this.#running(), 0);
  }

  /** SIGSTOP: connections stay, and nothing answers. */
  freeze(): void {
    for (const member of familyOf(this.#running().pid)) signalTo(member, "SIGSTOP");
  }

  thaw(): void {
    for (const member of familyOf(this.#running().pid)) signalTo(member, "SIGCONT");
  }

  #running(): Service {
    if (this.#service === undefined) throw new Error("it was not started");
    return this.#service;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#service === undefined) return;
    try {
      await this.kill();
    } finally {
      this.#ports[Symbol.dispose]();
    }
  }
}

/**
 * For a Kafka that a test kills: it may come back only once its old session has timed out, by default 9 s. All others keep that, since
 * one that a busy machine holds up for longer has no broker for a moment.
 */
export const KILLED = { "broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500" };

/** @param version by default that of the services by hand */
export function ownKafka(
  folder: string,
  properties: KafkaOptions["properties"] = {},
  version?: string,
): Promise<OwnService> {
  const ports = ownPorts(KAFKA_FROM);
  const options = { dir: join(folder, "kafka"), port: ports.port, properties, version };
  return new OwnService(ports, () => startKafka(options)).start();
}

/**
 * Killed, a Cassandra loses what it acknowledged since its commit log was last synced (every 10 s by default): more
 * replicas are for that. This one syncs before it acknowledges, so that what is missing would be userpipe's fault.
 */
const SYNCED = { commitlog_sync: "batch", commitlog_sync_period: undefined };

/** @param options what differs from a node that is alone on 127.0.0.1 */
export function ownCassandra(folder: string, options: Partial<CassandraOptions> = {}): Promise<OwnService> {
  const ports = ownPorts(CASSANDRA_FROM, options.address);
  const { port } = ports;
  const dir = join(folder, `cassandra-${options.address ?? "alone"}`);
  const all = { dir, yaml: SYNCED, port, storagePort: port + 1, ...options };
  return new OwnService(ports, () => startCassandra(all)).start();
}

/** A Postgres, and how a client names it. */
export class OwnPostgres extends OwnService {
  readonly #password: string;

  constructor(ports: Ports, options: Omit<PostgresOptions, "port">) {
    const password = oddSecretOf("the password of a Postgres");
    super(ports, () => startPostgres({ ...options, port: ports.port, password }));
    this.#password = password;
  }

  get url(): string {
    const [address, port] = this.endpoint.split(":");
    return postgresUrl({ address: address!, port: Number(port) }, this.#password);
  }
}

export async function ownPostgres(folder: string, options: Partial<PostgresOptions> = {}): Promise<OwnPostgres> {
  // Its data belong to a user who else could not reach them.
  await Deno.chmod(folder, 0o711);
  return await new OwnPostgres(ownPorts(POSTGRES_FROM), { dir: join(folder, "postgres"), ...options }).start();
}

/** A schema registry, and how a client names it. What it has on record is gone when it stops. */
export class OwnRegistry extends OwnService {
  get url(): string {
    const [address, port] = this.endpoint.split(":");
    return registryUrl({ address: address!, port: Number(port) });
  }
}

export async function ownRegistry(folder: string): Promise<OwnRegistry> {
  const ports = ownPorts(REGISTRY_FROM);
  return await new OwnRegistry(ports, () => startRegistry({ dir: join(folder, "registry"), port: ports.port })).start();
}

/** Why no Kafka and no Cassandra can be started here; undefined where they can. */
export async function cannotStart(): Promise<string | undefined> {
  try {
    await java();
  } catch (error) {
    return (error as Error).message;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
