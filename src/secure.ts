/** Settings to secure connections: the files that they name are read here, as often as an end is opened. */
import { UserpipeError } from "./errors.ts";
import { HIDDEN, withoutSecrets } from "./hidden.ts";
import { isLoopback, withoutBrackets } from "./loopback.ts";
import { isOpenToAll } from "./secret_file.ts";
import { type Environment, environment, type Settings } from "./settings.ts";
import type { FlagOf } from "./settings_fit.ts";
import { certificatesOf, pairOf, secretOf } from "./settings_files.ts";
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

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function kafkaSecurity(settings: Settings, env = environment): Promise<KafkaSecurity> {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username } = settings;
  const security: KafkaSecurity = {};
  if (settings.kafkaTls) {
    const ca = await certificatesOf("kafkaCaFile", settings);
    security.tls = tlsOf(ca, await pairOf("kafkaCertFile", "kafkaKeyFile", settings, env));
  }
  if (mechanism !== undefined && username !== undefined) {
    security.sasl = { mechanism, username, password: await needed("kafkaSaslPasswordFile", settings, env) };
  }
  return security;
}

/** @throws {UserpipeError} `settings` where a file is not there or not what it should be */
export async function cassandraSecurity(settings: Settings, env = environment): Promise<CassandraSecurity> {
  const { cassandraUsername: username, cassandraServerName: serverName } = settings;
  const security: CassandraSecurity = {};
  if (settings.cassandraTls) {
    const ca = await certificatesOf("cassandraCaFile", settings);
    security.tls = { ...tlsOf(ca, await pairOf("cassandraCertFile", "cassandraKeyFile", settings, env)), serverName };
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

/**
 * What works and is not safe, to be said once: sentences, each with what to do.
 * @param flagOf what the command line gave
 */
export async function securityWarnings(
  settings: Settings,
  env = environment,
  flagOf: FlagOf = () => undefined,
): Promise<string[]> {
  const warnings: string[] = [];
  if (flagOf("notify") !== undefined && settings.notify !== undefined && isSecretWhole(settings.notify)) {
    warnings.push(
      "Every user of this machine can see the address of --notify on the command line, and whoever has it may post " +
        "there. Set USERPIPE_NOTIFY to it, and leave --notify out",
    );
  }
  for (const name of [...SECRET_FILES, "schemaRegistryPasswordFile" as const]) {
    const path = settings[name];
    if (path === undefined || !await isOpenToAll(path)) continue;
    warnings.push(`"${path}" can be read by every user of this machine. Let nobody else: chmod 600 "${path}"`);
  }
  const inClear = (what: string, addresses: readonly string[] | undefined, mend: string) => {
    const far = addresses?.find((address) => !isLoopback(hostOf(address)));
    if (far === undefined) return;
    warnings.push(
      `The password of ${what} goes to "${far}" in the clear: everyone on the way can read it. ${mend}`,
    );
  };
  if (settings.kafkaSaslMechanism === "PLAIN" && !settings.kafkaTls) {
    inClear("Kafka", settings.brokers, "Add --kafka-tls");
  }
  if (settings.cassandraUsername !== undefined && !settings.cassandraTls) {
    inClear("Cassandra", settings.contactPoints, "Add --cassandra-tls");
  }
  inClear("the schema registry", registryInClear(settings), "Begin SCHEMA_REGISTRY_URL with https:");
  const traced = tracing(env) ? secretAddresses(settings) : [];
  if (traced.length > 0) {
    warnings.push(
      "The traces that Deno sends (OTEL_DENO) hold the whole address of each request, with what is secret in that of " +
        `${traced.join(" and ")}. Send them only where that may be known, or leave OTEL_DENO out`,
    );
  }
  return warnings;
}

/** Whether an address by itself lets anybody post, as those of chat rooms do by their path; one of this machine is for it alone. */
function isSecretWhole(address: string): boolean {
  const url = URL.parse(address.trim());
  return url !== null && url.pathname + url.search !== "/" && !isLoopback(withoutBrackets(url.hostname));
}

/** `kafka.example` of `kafka.example:9092`, `::1` of `[::1]:9092`. */
function hostOf(address: string): string {
  return withoutBrackets(address.replace(/:\d+$/, ""));
}

/** The registry's address, where a user logs in there without TLS. */
function registryInClear({ schemaRegistryUrl, schemaRegistryUsername }: Settings): string[] {
  const url = URL.parse(schemaRegistryUrl ?? "");
  if (url?.protocol !== "http:" || (schemaRegistryUsername ?? url.username + url.password) === "") return [];
  return [url.host];
}

/** What is not named is left out, not undefined. */
function tlsOf(ca: string | undefined, pair: { cert: string; key: string } | undefined): Tls {
  return { ...(ca === undefined ? {} : { ca }), ...pair };
}

async function needed(
  name: "kafkaSaslPasswordFile" | "cassandraPasswordFile",
  settings: Settings,
  env: Environment,
): Promise<string> {
  const secret = await secretOf(name, settings, env);
  if (secret !== undefined) return secret;
  // The settings were checked with another environment.
  const { what, env: variable } = SECURITY[name].holds;
  throw new UserpipeError("settings", `There is no ${what}`, `Set ${variable} to it`);
}
