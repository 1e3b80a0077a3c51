/** Starts a Cassandra node from Maven Central's jars: alone, or as one of several on loopback addresses. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { classPath, java } from "./java.ts";
import { cassandraAnswers, freePort } from "./ports.ts";
import { type JavaOptions, markOf, type Service, startProcess } from "./service.ts";
import { CASSANDRA_VERSION, JARS } from "./where.ts";

export interface CassandraOptions extends JavaOptions {
  /** By default 127.0.0.1. Nodes of one ring differ in it, and share both ports. */
  address?: string;
  /** The port between nodes; by default the first free one that goes with `port` (7000 with 9042). */
  storagePort?: number;
  /** `address:storagePort` of the nodes that this one joins; by default itself. */
  seeds?: string[];
  /** Local JMX; by default off. */
  jmxPort?: number;
  /** Settings of cassandra.yaml over those of a single node for tests. */
  yaml?: Record<string, unknown>;
  say?: (line: string) => void;
}

/** From Cassandra's own `conf/jvm17-server.options`. */
const EXPORTS = [
  "java.base/jdk.internal.misc",
  "java.base/java.lang.ref",
  "java.management.rmi/com.sun.jmx.remote.internal.rmi",
  "java.rmi/sun.rmi.registry",
  "java.rmi/sun.rmi.server",
  "java.sql/java.sql",
  "jdk.unsupported/sun.misc",
  "jdk.attach/sun.tools.attach",
];
const OPENS = [
  "java.base/java.io",
  "java.base/java.lang",
  "java.base/java.lang.module",
  "java.base/java.lang.reflect",
  "java.base/java.util",
  "java.base/jdk.internal.loader",
  "java.base/jdk.internal.math",
  "java.base/jdk.internal.module",
  "java.base/jdk.internal.ref",
  "java.base/jdk.internal.reflect",
  "java.base/jdk.internal.util.jar",
  "java.base/sun.nio.ch",
  "jdk.management/com.sun.management.internal",
];

/** Without it everything down to DEBUG is logged. */
const LOGBACK = `<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder>
<pattern>%d{ISO8601} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="OUT"/></root></configuration>
`;

/**
 * Starts a Cassandra node and returns once it serves CQL; a folder that has data goes on with them. A node that joins
 * others wants `jvm: ["-Dcassandra.ring_delay_ms=2000"]`.
 * @throws {ServiceError} where it cannot be started.
 */
export async function startCassandra(options: CassandraOptions): Promise<Service> {
  const { address = "127.0.0.1", jmxPort, say = () => {} } = options;
  const dir = resolve(options.dir);
  const program = await java();
  const jars = await cassandraJars(say);
  mkdirSync(dir, { recursive: true });
  // JSON is YAML.
  const settings = join(dir, "cassandra.yaml");
  writeFileSync(settings, JSON.stringify({ ...yamlOf(dir, address, options), ...options.yaml }, null, 2));
  writeFileSync(join(dir, "logback.xml"), LOGBACK);
  return await startProcess({
    ...options,
    name: "cassandra",
    dir,
    address,
    engine: "java",
    command: program,
    args: [
      `-D${markOf(dir)}`,
      "-Xms512m",
      "-Xmx1g",
      "-XX:+UseG1GC",
      "-Djdk.attach.allowAttachSelf=true",
      "-Djava.security.manager=allow",
      "-Dio.netty.tryReflectionSetAccessible=true",
      ...EXPORTS.flatMap((each) => ["--add-exports", `${each}=ALL-UNNAMED`]),
      ...OPENS.flatMap((each) => ["--add-opens", `${each}=ALL-UNNAMED`]),
      `-Dlogback.configurationFile=${join(dir, "logback.xml")}`,
      `-Dcassandra.config=${pathToFileURL(settings)}`,
      `-Dcassandra.storagedir=${join(dir, "data")}`,
      "-Dcassandra-foreground=yes",
      // A node that is alone has nobody to wait for.
      "-Dcassandra.ring_delay_ms=100",
      "-Dcassandra.skip_wait_for_gossip_to_settle=0",
      ...(jmxPort === undefined ? [] : [`-Dcassandra.jmx.local.port=${jmxPort}`]),
      ...options.jvm ?? [],
      "-cp",
      jars,
      "org.apache.cassandra.service.CassandraDaemon",
    ],
    answers: options.answers ?? cassandraAnswers,
  });
}

/** Their class path, fetched where they are not there yet. @throws {ServiceError} where they cannot be */
export function cassandraJars(say: (line: string) => void): Promise<string> {
  const coordinates = [`org.apache.cassandra:cassandra-all:${CASSANDRA_VERSION}`] as const;
  return classPath(join(JARS, `cassandra-${CASSANDRA_VERSION}`), coordinates, say);
}

function yamlOf(dir: string, address: string, { port, storagePort, seeds }: CassandraOptions) {
  const between = storagePort ?? freePort(address, port - 2042);
  const data = join(dir, "data");
  return {
    cluster_name: "userpipe",
    num_tokens: 16,
    partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
    data_file_directories: [join(data, "data")],
    commitlog_directory: join(data, "commitlog"),
    hints_directory: join(data, "hints"),
    saved_caches_directory: join(data, "saved_caches"),
    cdc_raw_directory: join(data, "cdc_raw"),
    commitlog_sync: "periodic",
    commitlog_sync_period: "10000ms",
    seed_provider: [{
      class_name: "org.apache.cassandra.locator.SimpleSeedProvider",
      parameters: [{ seeds: (seeds ?? [`${address}:${between}`]).join(",") }],
    }],
    listen_address: address,
    storage_port: between,
    rpc_address: address,
    native_transport_port: port,
    endpoint_snitch: "SimpleSnitch",
    authenticator: "AllowAllAuthenticator",
    // TRUNCATE would otherwise keep a copy each time.
    auto_snapshot: false,
  };
}
