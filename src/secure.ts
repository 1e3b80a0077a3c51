/** Settings to secure connections: the files that they name are read here, as often as an end is opened. */
import { isIP } from "node:net";
import { UserpipeError } from "./errors.ts";
import { isOpenToAll, pemIn, secretIn } from "./secret_file.ts";
import type { Settings } from "./settings.ts";
import { type Mechanism, SECRET_FILES, SECURITY } from "./settings_secure.ts";
import type { Login, Tls } from "./tls.ts";

/** How Kafka is connected to. */
export interface KafkaSecurity {
  tls?: Tls;
  sasl?: Login & { mechanism: Mechanism };
}

/** How Cassandra is connected to. */
export interface CassandraSecurity {
  tls?: Tls;
  login?: Login;
}

type Environment = (name: string) => string | undefined;
const environment: Environment = (name) => Deno.env.get(name);

interface Files {
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
}

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function kafkaSecurity(settings: Settings, env = environment): Promise<KafkaSecurity> {
  const { kafkaCaFile: ca, kafkaCertFile: cert, kafkaKeyFile: key } = settings;
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username } = settings;
  const security: KafkaSecurity = {};
  if (settings.kafkaTls) security.tls = await tlsOf({ ca, cert, key }, "kafka");
  if (mechanism !== undefined && username !== undefined) {
    security.sasl = { mechanism, username, password: await passwordOf("kafkaSaslPasswordFile", settings, env) };
  }
  return security;
}

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function cassandraSecurity(settings: Settings, env = environment): Promise<CassandraSecurity> {
  const { cassandraCaFile: ca, cassandraCertFile: cert, cassandraKeyFile: key } = settings;
  const { cassandraUsername: username, cassandraServerName: serverName } = settings;
  const security: CassandraSecurity = {};
  if (settings.cassandraTls) security.tls = { ...await tlsOf({ ca, cert, key }, "cassandra"), serverName };
  if (username !== undefined) {
    security.login = { username, password: await passwordOf("cassandraPasswordFile", settings, env) };
  }
  return security;
}

/** What works and is not safe, to be said once: sentences, each with what to do. */
export async function securityWarnings(settings: Settings): Promise<string[]> {
  const warnings: string[] = [];
  for (const name of SECRET_FILES) {
    const path = settings[name];
    if (path === undefined || !await isOpenToAll(path)) continue;
    warnings.push(`"${path}" can be read by every user of this machine. Let nobody else: chmod 600 "${path}"`);
  }
  const inClear = (what: string, addresses: readonly string[] | undefined, flag: string) => {
    const far = addresses?.find((address) => !isNear(address));
    if (far === undefined) return;
    warnings.push(`The password of ${what} goes to "${far}" in the clear: everyone on the way can read it. Add ${flag}`);
  };
  if (settings.kafkaSaslMechanism === "PLAIN" && !settings.kafkaTls) inClear("Kafka", settings.brokers, "--kafka-tls");
  if (settings.cassandraUsername !== undefined && !settings.cassandraTls) {
    inClear("Cassandra", settings.contactPoints, "--cassandra-tls");
  }
  return warnings;
}

/** Whether an address is of this machine. */
function isNear(address: string): boolean {
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || host === "::1" || isIP(host) === 4 && host.startsWith("127.");
}

async function tlsOf({ ca, cert, key }: Files, end: "kafka" | "cassandra"): Promise<Tls> {
  const name = end === "kafka" ? "Kafka" : "Cassandra";
  const read = (path: string | undefined, part: "certificate" | "key", what: string, flag: string) =>
    path === undefined ? undefined : pemIn(path, part, `${what} ${name}`, `--${end}-${flag}-file`);
  const [authorities, shown, itsKey] = await Promise.all([
    read(ca, "certificate", "the authorities of", "ca"),
    read(cert, "certificate", "the certificate for", "cert"),
    read(key, "key", "the key for", "key"),
  ]);
  return { ca: authorities, cert: shown, key: itsKey };
}

async function passwordOf(
  name: "kafkaSaslPasswordFile" | "cassandraPasswordFile",
  settings: Settings,
  env: Environment,
): Promise<string> {
  const { flag, holds: { what, env: variable } } = SECURITY[name];
  const path = settings[name];
  if (path !== undefined) return await secretIn(path, `the ${what}`, flag.split(" ")[0]!);
  const password = env(variable);
  if (password) return password;
  // The settings were read with another environment.
  throw new UserpipeError("settings", `There is no ${what}`, `Set ${variable} to it`);
}
