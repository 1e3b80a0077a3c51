/** Settings to secure connections: the files that they name are read here, as often as an end is opened. */
import { isIP } from "node:net";
import { UserpipeError } from "./errors.ts";
import { HIDDEN, withoutSecrets } from "./hidden.ts";
import { assertPair, certificatesIn, isOpenToAll, keyIn, secretIn } from "./secret_file.ts";
import type { Settings } from "./settings.ts";
import { type Mechanism, SECRET_FILES, SECURITY } from "./settings_secure.ts";
import type { Login, Tls } from "./tls.ts";
import { tracing } from "./trace.ts";

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
  passphrase: "kafkaKeyPassphraseFile" | "cassandraKeyPassphraseFile";
}

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function kafkaSecurity(settings: Settings, env = environment): Promise<KafkaSecurity> {
  const { kafkaCaFile: ca, kafkaCertFile: cert, kafkaKeyFile: key } = settings;
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username } = settings;
  const security: KafkaSecurity = {};
  const passphrase = "kafkaKeyPassphraseFile";
  if (settings.kafkaTls) security.tls = await tlsOf({ ca, cert, key, passphrase }, "Kafka", settings, env);
  if (mechanism !== undefined && username !== undefined) {
    security.sasl = { mechanism, username, password: await needed("kafkaSaslPasswordFile", settings, env) };
  }
  return security;
}

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function cassandraSecurity(settings: Settings, env = environment): Promise<CassandraSecurity> {
  const { cassandraCaFile: ca, cassandraCertFile: cert, cassandraKeyFile: key } = settings;
  const { cassandraUsername: username, cassandraServerName: serverName } = settings;
  const security: CassandraSecurity = {};
  const passphrase = "cassandraKeyPassphraseFile";
  if (settings.cassandraTls) {
    security.tls = { ...await tlsOf({ ca, cert, key, passphrase }, "Cassandra", settings, env), serverName };
  }
  if (username !== undefined) {
    security.login = { username, password: await needed("cassandraPasswordFile", settings, env) };
  }
  return security;
}

/** The flags of those that are asked by HTTP and hold a secret; that of `--notify` is one as a whole. */
function secretAddresses({ url, notify }: Settings): string[] {
  const ofSource = url !== undefined && withoutSecrets(url).includes(HIDDEN);
  return [...ofSource ? ["--url"] : [], ...notify === undefined ? [] : ["--notify"]];
}

/** What works and is not safe, to be said once: sentences, each with what to do. */
export async function securityWarnings(settings: Settings, env = environment): Promise<string[]> {
  const warnings: string[] = [];
  for (const name of SECRET_FILES) {
    const path = settings[name];
    if (path === undefined || !await isOpenToAll(path)) continue;
    warnings.push(`"${path}" can be read by every user of this machine. Let nobody else: chmod 600 "${path}"`);
  }
  const inClear = (what: string, addresses: readonly string[] | undefined, flag: string) => {
    const far = addresses?.find((address) => !isNear(address));
    if (far === undefined) return;
    warnings.push(
      `The password of ${what} goes to "${far}" in the clear: everyone on the way can read it. Add ${flag}`,
    );
  };
  if (settings.kafkaSaslMechanism === "PLAIN" && !settings.kafkaTls) inClear("Kafka", settings.brokers, "--kafka-tls");
  if (settings.cassandraUsername !== undefined && !settings.cassandraTls) {
    inClear("Cassandra", settings.contactPoints, "--cassandra-tls");
  }
  const traced = tracing(env) ? secretAddresses(settings) : [];
  if (traced.length > 0) {
    warnings.push(
      "The traces that Deno sends (OTEL_DENO) hold the whole address of each request, with what is secret in that of " +
        `${traced.join(" and ")}. Send them only where that may be known, or leave OTEL_DENO out`,
    );
  }
  return warnings;
}

/** Whether an address is of this machine. */
function isNear(address: string): boolean {
  const host = address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return host === "localhost" || host === "::1" || isIP(host) === 4 && host.startsWith("127.");
}

async function tlsOf(
  { ca, cert, key, passphrase }: Files,
  end: "Kafka" | "Cassandra",
  settings: Settings,
  env: Environment,
): Promise<Tls> {
  const setting = (of: string) => `--${end.toLowerCase()}-${of}-file`;
  const tls: Tls = {};
  if (ca !== undefined) tls.ca = await certificatesIn(ca, `the authorities of ${end}`, setting("ca"));
  if (cert === undefined || key === undefined) return tls;
  tls.cert = await certificatesIn(cert, `the certificate for ${end}`, setting("cert"));
  tls.key = await keyIn(key, `the key for ${end}`, setting("key"), await secretOf(passphrase, settings, env));
  assertPair(tls.cert, tls.key, { cert, key });
  return tls;
}

type SecretFile = "kafkaSaslPasswordFile" | "cassandraPasswordFile" | Files["passphrase"];

/** That of the file, where one is named, else that of the variable; undefined where neither is. */
async function secretOf(name: SecretFile, settings: Settings, env: Environment): Promise<string | undefined> {
  const { flag, holds: { what, env: variable } } = SECURITY[name];
  const path = settings[name];
  return path === undefined ? env(variable) || undefined : await secretIn(path, `the ${what}`, flag.split(" ")[0]!);
}

async function needed(name: SecretFile, settings: Settings, env: Environment): Promise<string> {
  const secret = await secretOf(name, settings, env);
  if (secret !== undefined) return secret;
  // The settings were checked with another environment.
  const { what, env: variable } = SECURITY[name].holds;
  throw new UserpipeError("settings", `There is no ${what}`, `Set ${variable} to it`);
}
