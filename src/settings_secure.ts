/**
 * Settings of secure connections to Kafka and Cassandra: TLS, and who logs in. A password is in the environment or in a
 * file, never in an argument, which every user of a machine can see.
 */
import { UserpipeError } from "./errors.ts";
import { called, lacking, needed, type Problem } from "./settings_fit.ts";
import { boolean, choice, type Parse, setting, text } from "./settings_types.ts";

const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] as const;

/** How a user and a password are shown to Kafka. */
export type Mechanism = typeof MECHANISMS[number];

const mechanism: Parse<Mechanism> = Object.assign(
  (given: string) => choice(...MECHANISMS)(given.toUpperCase()),
  { choices: MECHANISMS },
);

export const KAFKA_SECURITY = {
  kafkaTls: setting("--kafka-tls", "KAFKA_TLS", "speak TLS with Kafka", boolean, false),
  kafkaCaFile: setting(
    "--kafka-ca-file <path>",
    "KAFKA_CA_FILE",
    "authorities that sign Kafka's certificates, in PEM; left out: those that are publicly trusted",
    text,
  ),
  kafkaCertFile: setting(
    "--kafka-cert-file <path>",
    "KAFKA_CERT_FILE",
    "certificate that is shown to Kafka, in PEM; left out: none",
    text,
  ),
  kafkaKeyFile: setting("--kafka-key-file <path>", "KAFKA_KEY_FILE", "key of --kafka-cert-file, in PEM", text),
  kafkaKeyPassphraseFile: {
    ...setting(
      "--kafka-key-passphrase-file <path>",
      "KAFKA_KEY_PASSPHRASE_FILE",
      "file with the passphrase of --kafka-key-file; left out: the one in KAFKA_KEY_PASSPHRASE, else none",
      text,
    ),
    holds: { what: "passphrase of the key for Kafka", env: "KAFKA_KEY_PASSPHRASE" },
  },
  kafkaSaslMechanism: setting(
    "--kafka-sasl-mechanism <name>",
    "KAFKA_SASL_MECHANISM",
    "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; left out: no login",
    mechanism,
  ),
  kafkaSaslUsername: setting("--kafka-sasl-username <name>", "KAFKA_SASL_USERNAME", "user of Kafka", text),
  kafkaSaslPasswordFile: {
    ...setting(
      "--kafka-sasl-password-file <path>",
      "KAFKA_SASL_PASSWORD_FILE",
      "file with the password of --kafka-sasl-username; left out: the one in KAFKA_SASL_PASSWORD",
      text,
    ),
    holds: { what: "password of Kafka", env: "KAFKA_SASL_PASSWORD" },
  },
};

export const CASSANDRA_SECURITY = {
  cassandraTls: setting("--cassandra-tls", "CASSANDRA_TLS", "speak TLS with Cassandra", boolean, false),
  cassandraCaFile: setting(
    "--cassandra-ca-file <path>",
    "CASSANDRA_CA_FILE",
    "authorities that sign the nodes' certificates, in PEM; left out: those that are publicly trusted",
    text,
  ),
  cassandraCertFile: setting(
    "--cassandra-cert-file <path>",
    "CASSANDRA_CERT_FILE",
    "certificate that is shown to Cassandra, in PEM; left out: none",
    text,
  ),
  cassandraKeyFile: setting(
    "--cassandra-key-file <path>",
    "CASSANDRA_KEY_FILE",
    "key of --cassandra-cert-file, in PEM",
    text,
  ),
  cassandraKeyPassphraseFile: {
    ...setting(
      "--cassandra-key-passphrase-file <path>",
      "CASSANDRA_KEY_PASSPHRASE_FILE",
      "file with the passphrase of --cassandra-key-file; left out: the one in CASSANDRA_KEY_PASSPHRASE, else none",
      text,
    ),
    holds: { what: "passphrase of the key for Cassandra", env: "CASSANDRA_KEY_PASSPHRASE" },
  },
  cassandraServerName: setting(
    "--cassandra-server-name <name>",
    "CASSANDRA_SERVER_NAME",
    "name in the certificate of every node; left out: each node's IP address",
    text,
  ),
  cassandraUsername: setting("--cassandra-username <name>", "CASSANDRA_USERNAME", "user of Cassandra", text),
  cassandraPasswordFile: {
    ...setting(
      "--cassandra-password-file <path>",
      "CASSANDRA_PASSWORD_FILE",
      "file with the password of --cassandra-username; left out: the one in CASSANDRA_PASSWORD",
      text,
    ),
    holds: { what: "password of Cassandra", env: "CASSANDRA_PASSWORD" },
  },
};

export const SECURITY = { ...KAFKA_SECURITY, ...CASSANDRA_SECURITY };

type Name = keyof typeof SECURITY;

/** Settings that name a file which is read to connect. */
export const SECURITY_FILES = [
  "kafkaCaFile",
  "kafkaCertFile",
  "kafkaKeyFile",
  "kafkaKeyPassphraseFile",
  "kafkaSaslPasswordFile",
  "cassandraCaFile",
  "cassandraCertFile",
  "cassandraKeyFile",
  "cassandraKeyPassphraseFile",
  "cassandraPasswordFile",
] as const satisfies readonly Name[];

/** Of these files, those that nobody else should read. */
export const SECRET_FILES = [
  "kafkaKeyFile",
  "kafkaKeyPassphraseFile",
  "kafkaSaslPasswordFile",
  "cassandraKeyFile",
  "cassandraKeyPassphraseFile",
  "cassandraPasswordFile",
] as const satisfies readonly Name[];

interface End {
  place: "brokers" | "contactPoints";
  placeFlag: string;
  tls: Name;
  /** What has a meaning with TLS only. */
  ofTls: readonly Name[];
  cert: Name;
  key: Name;
  passphraseFile: "kafkaKeyPassphraseFile" | "cassandraKeyPassphraseFile";
  /** Each of them wants all others. */
  login: readonly Name[];
  passwordFile: "kafkaSaslPasswordFile" | "cassandraPasswordFile";
}

const ENDS: readonly End[] = [
  {
    place: "brokers",
    placeFlag: "--brokers",
    tls: "kafkaTls",
    ofTls: ["kafkaCaFile", "kafkaCertFile", "kafkaKeyFile", "kafkaKeyPassphraseFile"],
    cert: "kafkaCertFile",
    key: "kafkaKeyFile",
    passphraseFile: "kafkaKeyPassphraseFile",
    login: ["kafkaSaslMechanism", "kafkaSaslUsername"],
    passwordFile: "kafkaSaslPasswordFile",
  },
  {
    place: "contactPoints",
    placeFlag: "--contact-points",
    tls: "cassandraTls",
    ofTls: [
      "cassandraCaFile",
      "cassandraCertFile",
      "cassandraKeyFile",
      "cassandraKeyPassphraseFile",
      "cassandraServerName",
    ],
    cert: "cassandraCertFile",
    key: "cassandraKeyFile",
    passphraseFile: "cassandraKeyPassphraseFile",
    login: ["cassandraUsername"],
    passwordFile: "cassandraPasswordFile",
  },
];

/**
 * What belongs together, wherever it is from: half of it would connect in another way than was meant. Of an end that is not
 * named, variables are left aside.
 * @param names the settings that the command takes
 * @param flagOf the flag of a setting that the command line gave
 * @param env the environment, which alone may have a password
 */
export function* securityProblems(
  names: readonly string[],
  values: Record<string, unknown>,
  flagOf: (name: Name) => string | undefined,
  env: Environment,
): Generator<Problem> {
  for (const end of ENDS) {
    if (!names.includes(end.tls)) continue;
    if (values[end.place] === undefined) {
      yield* flagsOf(end, flagOf);
      continue;
    }
    const isSet = (name: Name) => values[name] !== undefined && values[name] !== false;
    yield* tlsProblems(end, isSet, env);
    yield* loginProblems(end, isSet, env);
  }
}

function* flagsOf(end: End, flagOf: (name: Name) => string | undefined): Generator<Problem> {
  for (const of of [end.tls, ...end.ofTls, ...end.login, end.passwordFile]) {
    const flag = flagOf(of);
    if (flag !== undefined) yield { of, error: needed(flag, [end.placeFlag], "it is about the connection to that") };
  }
}

type IsSet = (name: Name) => boolean;
type Environment = (name: string) => string | undefined;

function* tlsProblems({ tls, ofTls, cert, key, passphraseFile }: End, isSet: IsSet, env: Environment) {
  if (!isSet(tls)) { for (const idle of ofTls.filter(isSet)) yield without(idle, tls); }
  if (isSet(cert) !== isSet(key)) yield isSet(cert) ? without(cert, key) : without(key, cert);
  yield* twice(passphraseFile, isSet, env);
  if (isSet(passphraseFile) && !isSet(key)) yield without(passphraseFile, key);
}

function* loginProblems({ login, passwordFile }: End, isSet: IsSet, env: Environment): Generator<Problem> {
  yield* twice(passwordFile, isSet, env);
  const variable = SECURITY[passwordFile].holds.env;
  const inVariable = Boolean(env(variable));
  const wrong = (of: Name, message: string, hint: string) => ({
    of,
    error: new UserpipeError("settings", message, hint),
  });
  const given = [...login, passwordFile].find(isSet);
  if (given === undefined) {
    if (!inVariable) return;
    const user = login.map((name) => called(SECURITY[name])).join(" and ");
    return yield wrong(passwordFile, `${variable} is set, and no user`, `Name the user with ${user}, or unset it`);
  }
  for (const missing of login.filter((name) => !isSet(name))) yield without(given, missing);
  if (inVariable || isSet(passwordFile)) return;
  yield wrong(
    given,
    `${called(SECURITY[given])} is given, and no password`,
    `Set ${variable} to it, or name a file with ${called(SECURITY[passwordFile])}`,
  );
}

/** What is in a file and in a variable. */
function* twice(file: End["passwordFile" | "passphraseFile"], isSet: IsSet, env: Environment): Generator<Problem> {
  const { env: variable, what } = SECURITY[file].holds;
  if (!env(variable) || !isSet(file)) return;
  const message = `${variable} and ${called(SECURITY[file])} both give the ${what}`;
  yield { of: file, error: new UserpipeError("settings", message, "Leave one of them out") };
}

function without(of: Name, missing: Name): Problem {
  return { of, error: lacking(SECURITY[of], SECURITY[missing]) };
}
