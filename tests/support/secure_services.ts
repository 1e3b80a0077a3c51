/** A Kafka and a Cassandra of a test's own that let nobody in without TLS, a client's certificate and a login, and allow only what is granted. */
import { auth, Client } from "cassandra-driver";
import { Kafka, logLevel } from "kafkajs";
import { join } from "node:path";
import { ask } from "../../src/reach.ts";
import type { Tls } from "../../src/tls.ts";
import { startCassandra } from "../../tools/services/cassandra.ts";
import { startKafka } from "../../tools/services/kafka.ts";
import { AUTHORITY, CLIENT, SERVER, writeFiles } from "./certificates.ts";
import { ownPorts } from "./own_ports.ts";
import { OwnService } from "./own_services.ts";
import { assertNoSecretBelow, mayHoldSecrets, secretOf } from "./secrets.ts";

/** What a client shows and trusts. */
export const TLS: Tls = { ca: AUTHORITY, cert: CLIENT.cert, key: CLIENT.key };

/** Below those of other tests' own services. */
const KAFKA_FROM = 20_092;
const CASSANDRA_FROM = 20_542;

/** A user who may do all. The password has what SCRAM, a shell or a URL would trip over. */
export const BOSS = { username: "boss", password: `${secretOf("the password of boss")} =:@/ $HOME %20` };
/** Of the same user where the login is PLAIN. */
export const PLAIN_PASSWORD = secretOf("the password of boss by PLAIN");
/** Users who may do what a test lets them: one for each command that it runs, and one for nothing. */
export const USERS = [
  ...["init", "ingest", "stream", "query", "peek", "verify", "dead_letters", "status", "doctor"] as const,
  "nobody",
] as const;
const passwords = new Map(USERS.map((user): [string, string] => [user, secretOf(`the password of ${user}`)]));
export const passwordOf = (user: string) => passwords.get(user)!;

export interface SecureKafka extends AsyncDisposable {
  /** Of a listener without any of it, for the tests' own administration. */
  plain: string;
  /** TLS, a client's certificate, SCRAM. */
  scram: string;
  /** TLS and a client's certificate. */
  tls: string;
  /** PLAIN, without TLS. */
  login: string;
}

/** Both, and a folder for a test's files. */
export interface SecureServices {
  kafka: SecureKafka;
  cassandra: SecureCassandra;
  folder: string;
}

/** Starts both at once. Where one cannot be started, the other is ended. */
export async function secureServices(): Promise<SecureServices & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-test-" });
  const end = async (...services: AsyncDisposable[]) => {
    await Promise.all(services.map((service) => service[Symbol.asyncDispose]()));
    try {
      for (const { name } of Deno.readDirSync(folder)) {
        if (/^(kafka|cassandra)/.test(name)) mayHoldSecrets(join(folder, name));
      }
      await assertNoSecretBelow(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  const [kafka, cassandra] = await Promise.allSettled([secureKafka(folder), secureCassandra(folder)]);
  if (kafka.status === "fulfilled" && cassandra.status === "fulfilled") {
    const both = [kafka.value, cassandra.value] as const;
    return { kafka: both[0], cassandra: both[1], folder, [Symbol.asyncDispose]: () => end(...both) };
  }
  await end(...[kafka, cassandra].flatMap((one) => one.status === "fulfilled" ? one.value : []));
  throw new AggregateError([kafka, cassandra].flatMap((one) => one.status === "rejected" ? one.reason : []));
}

/** Registers a test that is given them. */
export type Check = (name: string, work: (given: SecureServices) => Promise<void>) => void;

const SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
const PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule required";

/** Kafka's StandardAuthorizer allows `boss` and the plain listener all, others what a rule allows. */
async function secureKafka(folder: string): Promise<SecureKafka> {
  const files = await writeFiles(folder, {
    "kafka.pem": `${SERVER.key}${SERVER.cert}`,
    "kafka-authority.pem": AUTHORITY,
  });
  const ports = ownPorts(KAFKA_FROM);
  const [plain, scram, tls, login] = [ports.port, ports.port + 1, ports.port + 2, ports.port + 3];
  const users = [BOSS, ...USERS.map((username) => ({ username, password: passwordOf(username) }))];
  const service = new OwnService(ports, () =>
    startKafka({
      dir: join(folder, "kafka"),
      port: plain,
      listeners: {
        SCRAM: { port: scram, protocol: "SASL_SSL" },
        TLS: { port: tls, protocol: "SSL" },
        LOGIN: { port: login, protocol: "SASL_PLAINTEXT" },
      },
      scram: users.flatMap(({ username, password }) =>
        ["SCRAM-SHA-256", "SCRAM-SHA-512"].map((name) => `${name}=[name=${username},password="${password}"]`)
      ),
      properties: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:boss;User:CN=userpipe",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": files["kafka.pem"]!,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": files["kafka-authority.pem"]!,
        "listener.name.scram.ssl.client.auth": "required",
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.scram.scram-sha-256.sasl.jaas.config": SCRAM_MODULE,
        "listener.name.scram.scram-sha-512.sasl.jaas.config": SCRAM_MODULE,
        "listener.name.login.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.login.plain.sasl.jaas.config": `${PLAIN_MODULE} user_boss="${PLAIN_PASSWORD}";`,
      },
    }));
  await service.start();
  return {
    plain: `127.0.0.1:${plain}`,
    scram: `localhost:${scram}`,
    tls: `localhost:${tls}`,
    login: `127.0.0.1:${login}`,
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

/** Kafka's own client, who may do all. */
export async function asKafkaAdmin(
  { plain }: SecureKafka,
  work: (admin: ReturnType<Kafka["admin"]>) => Promise<void>,
): Promise<void> {
  const admin = new Kafka({ brokers: [plain], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.disconnect();
  }
}

export interface SecureCassandra extends AsyncDisposable {
  /** TLS, a client's certificate, user and password. */
  endpoint: string;
  /** Runs statements as `boss`. */
  run(...statements: string[]): Promise<void>;
}

async function secureCassandra(folder: string): Promise<SecureCassandra> {
  const files = await writeFiles(folder, {
    "cassandra.pem": `${SERVER.key}${SERVER.cert}`,
    "cassandra-authority.pem": AUTHORITY,
  });
  const ports = ownPorts(CASSANDRA_FROM);
  const { port } = ports;
  const service = new OwnService(ports, () =>
    startCassandra({
      dir: join(folder, "cassandra"),
      port,
      storagePort: port + 1,
      answers: (address, port) => answersInTls(`${address}:${port}`),
      // The first user is otherwise made after 10 s.
      jvm: ["-Dcassandra.superuser_setup_delay_ms=0", "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4"],
      yaml: {
        authenticator: "PasswordAuthenticator",
        authorizer: "CassandraAuthorizer",
        permissions_validity: "0ms",
        client_encryption_options: {
          enabled: true,
          optional: false,
          require_client_auth: true,
          ssl_context_factory: { class_name: "org.apache.cassandra.security.PEMBasedSslContextFactory" },
          keystore: files["cassandra.pem"],
          truststore: files["cassandra-authority.pem"],
        },
      },
    }));
  await service.start();
  const endpoint = `127.0.0.1:${port}`;
  try {
    await untilUser(endpoint, { username: "cassandra", password: "cassandra" }, [
      role(BOSS.username, BOSS.password, "SUPERUSER = true"),
      ...USERS.map((user) => role(user, passwordOf(user), "SUPERUSER = false")),
    ]);
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
  return {
    endpoint,
    run: (...statements) => runAs(endpoint, BOSS, statements),
    [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
  };
}

const role = (name: string, password: string, rest: string) =>
  `CREATE ROLE IF NOT EXISTS ${name} WITH PASSWORD = '${password}' AND LOGIN = true AND ${rest}`;

async function answersInTls(address: string): Promise<boolean> {
  // OPTIONS of protocol 4, and SUPPORTED.
  const hello = Uint8Array.of(4, 0, 0, 0, 5, 0, 0, 0, 0);
  const answer = await ask(address, { hello, bytes: 9, tls: TLS, limitMs: 1_000 }).catch(() => undefined);
  return answer?.[0] === 0x84 && answer[4] === 6;
}

const USER_WITHIN_MS = 60_000;

/** Its first user is there a little after it serves. */
async function untilUser(endpoint: string, user: typeof BOSS, statements: string[]): Promise<void> {
  for (const end = Date.now() + USER_WITHIN_MS;;) {
    try {
      return await runAs(endpoint, user, statements);
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function runAs(
  endpoint: string,
  { username, password }: typeof BOSS,
  statements: readonly string[],
): Promise<void> {
  const client = new Client({
    contactPoints: [endpoint],
    localDataCenter: "datacenter1",
    protocolOptions: { port: Number(endpoint.split(":")[1]) },
    sslOptions: { ...TLS, rejectUnauthorized: true },
    authProvider: new auth.PlainTextAuthProvider(username, password),
  });
  try {
    for (const statement of statements) await client.execute(statement);
  } finally {
    await client.shutdown();
  }
}
