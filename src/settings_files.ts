/** The files that settings name, read: secrets, certificates and keys. The one place for what such a file must be. */
import { UserpipeError } from "./errors.ts";
import { assertPair, certificatesIn, keyIn, secretIn, trustedIn } from "./secret_file.ts";
import { type Environment, environment, nameOf, type SettingName, SETTINGS, type Settings } from "./settings.ts";
import type { Problem } from "./settings_fit.ts";

/** Settings that name a file with a secret, or whose variable has it. */
export type SecretName =
  | "kafkaSaslPasswordFile"
  | "kafkaKeyPassphraseFile"
  | "cassandraPasswordFile"
  | "cassandraKeyPassphraseFile"
  | "schemaRegistryPasswordFile"
  | "runsPasswordFile"
  | "dashboardPasswordFile"
  | "dashboardTokenFile";

const CERTIFICATES = {
  kafkaCaFile: "the authorities of Kafka",
  kafkaCertFile: "the certificate for Kafka",
  cassandraCaFile: "the authorities of Cassandra",
  cassandraCertFile: "the certificate for Cassandra",
  schemaRegistryCaFile: "the authorities of the schema registry",
  tlsCert: "the page's certificate",
} as const;

/** With the setting of its passphrase, where it may have one. */
const KEYS = {
  kafkaKeyFile: { what: "the key for Kafka", passphrase: "kafkaKeyPassphraseFile" },
  cassandraKeyFile: { what: "the key for Cassandra", passphrase: "cassandraKeyPassphraseFile" },
  tlsKey: { what: "the page's key", passphrase: undefined },
} as const;

type CertificatesName = keyof typeof CERTIFICATES;
type KeyName = keyof typeof KEYS;
type Of = Partial<Pick<Settings, SecretName | CertificatesName | KeyName>>;

/** That of the file, where one is named, else that of the variable; undefined where neither is. @throws {UserpipeError} `settings` */
export async function secretOf(name: SecretName, settings: Of, env = environment): Promise<string | undefined> {
  const { flag, holds: { what, env: variable } } = SETTINGS[name];
  const path = settings[name];
  return path === undefined ? env(variable) || undefined : await secretIn(path, `the ${what}`, nameOf(flag));
}

/** In PEM; undefined where no file is named. @throws {UserpipeError} `settings` */
export async function certificatesOf(name: CertificatesName, settings: Of): Promise<string | undefined> {
  const path = settings[name];
  const read = name === "schemaRegistryCaFile" ? trustedIn : certificatesIn;
  return path === undefined ? undefined : await read(path, CERTIFICATES[name], nameOf(SETTINGS[name].flag));
}

/** In PEM and in the clear; undefined where no file is named. @throws {UserpipeError} `settings` */
async function keyOf(name: KeyName, settings: Of, env: Environment): Promise<string | undefined> {
  const path = settings[name];
  if (path === undefined) return undefined;
  const { what, passphrase } = KEYS[name];
  const secret = passphrase && await secretOf(passphrase, settings, env);
  const passphraseFlag = passphrase && nameOf(SETTINGS[passphrase].flag);
  return await keyIn(path, what, { setting: nameOf(SETTINGS[name].flag), passphrase: secret, passphraseFlag });
}

/** A certificate and its key; undefined where not both are named. @throws {UserpipeError} `settings` */
export async function pairOf(
  certName: CertificatesName,
  keyName: KeyName,
  settings: Of,
  env = environment,
): Promise<{ cert: string; key: string } | undefined> {
  const cert = await certificatesOf(certName, settings);
  const key = await keyOf(keyName, settings, env);
  if (cert === undefined || key === undefined) return undefined;
  assertPair(cert, key, { cert: settings[certName]!, key: settings[keyName]! });
  return { cert, key };
}

interface Place {
  secrets: readonly SecretName[];
  ca?: CertificatesName;
  pair?: readonly [CertificatesName, KeyName];
}

/** By the setting without which no command reads them. */
const PLACES: Partial<Record<SettingName, Place>> = {
  brokers: {
    secrets: ["kafkaKeyPassphraseFile", "kafkaSaslPasswordFile"],
    ca: "kafkaCaFile",
    pair: ["kafkaCertFile", "kafkaKeyFile"],
  },
  contactPoints: {
    secrets: ["cassandraKeyPassphraseFile", "cassandraPasswordFile"],
    ca: "cassandraCaFile",
    pair: ["cassandraCertFile", "cassandraKeyFile"],
  },
  schemaRegistryUrl: { secrets: ["schemaRegistryPasswordFile"], ca: "schemaRegistryCaFile" },
  runs: { secrets: ["runsPasswordFile"] },
  dashboard: { secrets: ["dashboardPasswordFile", "dashboardTokenFile"], pair: ["tlsCert", "tlsKey"] },
};

/**
 * What is wrong with each file that a command would read, not with the first alone.
 * @param isUsed whether there is what a file is for: `brokers`, `contactPoints`, `schemaRegistryUrl`, `runs`, `dashboard`
 */
export async function fileProblems(
  settings: Of,
  isUsed: (name: SettingName) => boolean,
  env: Environment,
): Promise<Problem[]> {
  const problems: Problem[] = [];
  const tried = async (of: SettingName, read: () => Promise<unknown>) => {
    try {
      await read();
      return true;
    } catch (error) {
      if (!(error instanceof UserpipeError)) throw error;
      // That of a passphrase is met again at its key.
      if (!problems.some(({ error: { message } }) => message === error.message)) problems.push({ of, error });
      return false;
    }
  };
  for (const [place, { secrets, ca, pair }] of Object.entries(PLACES)) {
    if (!isUsed(place as SettingName)) continue;
    for (const name of secrets) await tried(name, () => secretOf(name, settings, env));
    if (ca !== undefined) await tried(ca, () => certificatesOf(ca, settings));
    if (pair === undefined) continue;
    const [cert, key] = pair;
    const good = [
      await tried(cert, () => certificatesOf(cert, settings)),
      await tried(key, () => keyOf(key, settings, env)),
    ];
    if (good.every(Boolean)) await tried(key, () => pairOf(cert, key, settings, env));
  }
  return problems;
}
