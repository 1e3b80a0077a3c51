/** Settings of secure connections: what belongs together, where secrets may come from, and the files that they name. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { UserpipeError } from "../src/errors.ts";
import { certificatesOf } from "../src/settings_files.ts";
import { secretIn } from "../src/secret_file.ts";
import { cassandraSecurity, kafkaSecurity, securityWarnings } from "../src/secure.ts";
import { flagOf, resolveSettings, type SettingName, SETTINGS } from "../src/settings.ts";
import { AUTHORITY, CLIENT, INTRUDER } from "./support/certificates.ts";
import { withFolder } from "./support/cli.ts";

const ALL = Object.keys(SETTINGS) as SettingName[];
const KAFKA = { KAFKA_BROKERS: "kafka.example:9093" };
const CASSANDRA = { CASSANDRA_CONTACT_POINTS: "10.0.0.1" };
const REGISTRY = { SCHEMA_REGISTRY_URL: "http://registry.example" };
const SASL = { ...KAFKA, KAFKA_SASL_MECHANISM: "SCRAM-SHA-512", KAFKA_SASL_USERNAME: "me" };

const resolve = (env: Record<string, string>, flags = {}) => resolveSettings(ALL, flags, (name) => env[name]);

function encryptedKey(passphrase: string): string {
  const key = createPrivateKey(CLIENT.key);
  return key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }).toString();
}

function isWrong(error: unknown, message: RegExp, hint = /\w/): true {
  assert.ok(error instanceof UserpipeError, String(error));
  assert.equal(error.code, "settings");
  assert.match(error.message, message);
  assert.match(error.hint, hint);
  return true;
}

for (
  const [env, message] of [
    [{ ...KAFKA, KAFKA_CA_FILE: "ca.pem" }, /^--kafka-ca-file \(KAFKA_CA_FILE\) is of no use without --kafka-tls/],
    [{ ...KAFKA, KAFKA_TLS: "true", KAFKA_CERT_FILE: "c" }, /^--kafka-cert-file .*without --kafka-key-file/],
    [{ ...KAFKA, KAFKA_TLS: "true", KAFKA_KEY_FILE: "k" }, /^--kafka-key-file .*without --kafka-cert-file/],
    [SASL, /^--kafka-sasl-mechanism .*no password$/],
    [{ ...SASL, KAFKA_SASL_USERNAME: "", KAFKA_SASL_PASSWORD: "geheim" }, /without --kafka-sasl-username/],
    [{ ...KAFKA, KAFKA_SASL_PASSWORD: "geheim" }, /^KAFKA_SASL_PASSWORD is set, and no user$/],
    [{ ...SASL, KAFKA_SASL_PASSWORD: "geheim", KAFKA_SASL_PASSWORD_FILE: "f" }, /both give the password of Kafka$/],
    [
      { ...KAFKA, KAFKA_TLS: "1", KAFKA_KEY_PASSPHRASE_FILE: "f" },
      /^--kafka-key-passphrase-file .*without --kafka-key-file/,
    ],
    [{ ...SASL, KAFKA_SASL_MECHANISM: "GSSAPI", KAFKA_SASL_PASSWORD: "geheim" }, /PLAIN, SCRAM-SHA-256 or SCRAM/],
    [{ ...CASSANDRA, CASSANDRA_SERVER_NAME: "c.example" }, /^--cassandra-server-name .*without --cassandra-tls/],
    [{ ...CASSANDRA, CASSANDRA_USERNAME: "me" }, /^--cassandra-username .*no password$/],
    [{ ...CASSANDRA, CASSANDRA_PASSWORD_FILE: "f" }, /without --cassandra-username/],
    [{ ...REGISTRY, SCHEMA_REGISTRY_USERNAME: "me" }, /^--schema-registry-username .* and no password$/],
    [{ ...REGISTRY, SCHEMA_REGISTRY_PASSWORD: "geheim" }, /^SCHEMA_REGISTRY_PASSWORD is given, and no user$/],
    [{ ...REGISTRY, SCHEMA_REGISTRY_PASSWORD_FILE: "f" }, /^--schema-registry-password-file .* and no user$/],
    [{ ...REGISTRY, SCHEMA_REGISTRY_CA_FILE: "ca" }, /^--schema-registry-ca-file .* does not begin with https:$/],
    [
      { SCHEMA_REGISTRY_URL: "http://me:geheim@registry.example", SCHEMA_REGISTRY_USERNAME: "you" },
      /^--schema-registry-url .* and --schema-registry-username .* both give the user/,
    ],
    [
      { SCHEMA_REGISTRY_URL: "http://me:geheim@registry.example", SCHEMA_REGISTRY_PASSWORD: "geheim" },
      /^--schema-registry-url .* and SCHEMA_REGISTRY_PASSWORD both give the password/,
    ],
  ] as [Record<string, string>, RegExp][]
) {
  Deno.test(`half of a secure connection is an error that names the other half: ${Object.keys(env)}`, () => {
    assert.throws(() => resolve(env), (error) => {
      assert.ok(!String(error).includes("geheim"));
      return isWrong(error, message);
    });
  });
}

Deno.test("what is about an end that is not named is left aside, unless the command line says it", () => {
  assert.equal(resolve({ KAFKA_CA_FILE: "ca.pem", CASSANDRA_USERNAME: "me" }).kafkaCaFile, "ca.pem");
  assert.throws(() => resolve({}, { kafkaTls: true }), (error) => isWrong(error, /^--kafka-tls does nothing without/));
  assert.throws(
    () => resolve({}, { schemaRegistryUsername: "me" }),
    (error) => isWrong(error, /^--schema-registry-username does nothing without/),
  );
  // In one place each.
  resolve({ SCHEMA_REGISTRY_URL: "http://me@registry.example", SCHEMA_REGISTRY_PASSWORD: "geheim" });
  resolve({ SCHEMA_REGISTRY_URL: "http://me:geheim@registry.example" });
  resolve({ ...REGISTRY, SCHEMA_REGISTRY_USERNAME: "me", SCHEMA_REGISTRY_PASSWORD: "geheim" });
  // A command that connects to no Kafka has no use for them.
  const env = { ...KAFKA, KAFKA_SASL_PASSWORD: "geheim" } as Record<string, string>;
  assert.deepEqual(resolveSettings(["brokers"], {}, (name) => env[name]).brokers, ["kafka.example:9093"]);
});

Deno.test("no flag takes a password", () => {
  const flags = Object.values(SETTINGS).map(({ flag }) => flag.split(" ")[0]!);
  assert.deepEqual(flags.filter((flag) => /(password|token|secret|passphrase)$/.test(flag)), []);
});

Deno.test("a password comes from a file, without the newline behind it, or from the environment", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "password");
    for (
      const [text, password] of [["geheim\n", "geheim"], ["ge heim\r\n", "ge heim"], ["geheim", "geheim"]] as const
    ) {
      await Deno.writeTextFile(path, text);
      const settings = resolve({ ...SASL, KAFKA_SASL_PASSWORD_FILE: path });
      assert.equal((await kafkaSecurity(settings)).sasl?.password, password);
    }
    const env = { ...CASSANDRA, CASSANDRA_USERNAME: "me", CASSANDRA_PASSWORD: "auch geheim" } as Record<string, string>;
    const security = await cassandraSecurity(resolve(env), (name) => env[name]);
    assert.deepEqual(security, { login: { username: "me", password: "auch geheim" } });
  });
});

Deno.test("a file that is missing, empty or something else is named, and what is in it is not", async () => {
  await withFolder(async (folder) => {
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(join(folder, name), text);
      return join(folder, name);
    };
    const [ca, cert, key] = [await write("ca", AUTHORITY), await write("c", CLIENT.cert), await write("k", CLIENT.key)];
    const empty = await write("empty", "\n");
    const garbage = await write("garbage", "geheim");
    const damaged = await write("damaged", AUTHORITY.replace(/\n.{40,}\n/, "\ngeheim\n"));
    const encrypted = await write("encrypted", encryptedKey("offen"));
    const other = await write("other", INTRUDER.key);
    const tls = { ...KAFKA, KAFKA_TLS: "true", KAFKA_CA_FILE: ca, KAFKA_CERT_FILE: cert, KAFKA_KEY_FILE: key };
    const good = await kafkaSecurity(resolve(tls));
    assert.deepEqual(good, { tls: { ca: AUTHORITY, cert: CLIENT.cert, key: CLIENT.key } });
    const passphrase = (name: string) => name === "KAFKA_KEY_PASSPHRASE" ? "offen" : undefined;
    const opened = await kafkaSecurity(resolve({ ...tls, KAFKA_KEY_FILE: encrypted }), passphrase);
    assert.match(opened.tls?.key ?? "", /^-----BEGIN PRIVATE KEY-----/);
    for (
      const [wrong, message] of [
        [
          { KAFKA_CA_FILE: `${folder}/nothing` },
          /^Cannot read the authorities of Kafka in ".*nothing": there is no such/,
        ],
        [{ KAFKA_CA_FILE: folder }, /^Cannot read the authorities of Kafka in ".*": it is a folder$/],
        [
          { KAFKA_CA_FILE: `${garbage}/x` },
          /^Cannot read the authorities of Kafka in ".*": a part of its path is no folder$/,
        ],
        [
          { KAFKA_CA_FILE: damaged },
          /^The file of the authorities of Kafka, ".*damaged", holds no certificate that can/,
        ],
        [{ KAFKA_CERT_FILE: empty }, /^The file of the certificate for Kafka, ".*empty", is empty$/],
        [{ KAFKA_KEY_FILE: garbage }, /^The file of the key for Kafka, ".*garbage", holds no key in PEM$/],
        [{ KAFKA_KEY_FILE: cert }, /holds no key in PEM$/],
        [{ KAFKA_KEY_FILE: encrypted }, /".*encrypted", is encrypted, and no passphrase is given$/],
        [{ KAFKA_KEY_FILE: encrypted, KAFKA_KEY_PASSPHRASE_FILE: garbage }, /is not opened by the passphrase/],
        [{ KAFKA_KEY_FILE: other }, /^The key in ".*other" is not that of the certificate in ".*c"$/],
        [{ ...SASL, KAFKA_SASL_PASSWORD_FILE: empty }, /^The file of the password of Kafka, ".*empty", is empty$/],
      ] as [Record<string, string>, RegExp][]
    ) {
      await assert.rejects(kafkaSecurity(resolve({ ...tls, ...wrong })), (error) => {
        assert.ok(!String(error).includes("geheim"));
        return isWrong(error, message);
      });
    }
    const registry = { SCHEMA_REGISTRY_URL: "https://registry.example" };
    const named = (file: string) =>
      certificatesOf("schemaRegistryCaFile", resolve({ ...registry, SCHEMA_REGISTRY_CA_FILE: file }));
    assert.equal(await named(ca), AUTHORITY);
    await assert.rejects(named(damaged), (error) => isWrong(error, /".*damaged", holds no certificate that can/));
    const partly = await write("partly", AUTHORITY + AUTHORITY.replace("MII", "!!!"));
    await assert.rejects(
      named(partly),
      (error) => isWrong(error, /".*partly", holds a certificate that cannot be read: /),
    );
    await assert.rejects(named(garbage), (error) => isWrong(error, /".*garbage", holds no certificate in PEM$/));
  });
});

Deno.test("a pipe that a secret comes through is read, and one that nobody writes into is an error that names it", () =>
  withFolder(async (folder) => {
    const pipe = join(folder, "pipe");
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const read = (limitMs?: number) => secretIn(pipe, "the password of Kafka", "--kafka-sasl-password-file", limitMs);
    const write = () => Deno.writeTextFile(pipe, "from the pipe\n", { create: false });
    assert.deepEqual(await Promise.all([read(), write()]), ["from the pipe", undefined]);
    await assert.rejects(read(50), { code: "settings", message: /"\S*pipe": it gave nothing whole in 0\.05 s$/ });
    // Whoever was given up reads what comes now.
    await write();
  }));

Deno.test("a file of a secret is one line of text: another is refused, and nothing of it is quoted", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "password");
    const wide = new Uint8Array([...new TextEncoder().encode("geheim")].flatMap((byte) => [byte, 0]));
    for (
      const [content, message, hint] of [
        [
          "geheim\nauch\n",
          /", has more than one line$/,
          /^Leave the password of Kafka alone in it, in one line, or name/,
        ],
        ["geheim\n\n", /", has more than one line$/, /in one line/],
        [" \n", /", is empty$/, /^Put the password of Kafka into it/],
        [
          new Uint8Array([0x67, 0xe4, 0x68]),
          /", is no text in UTF-8$/,
          /^Write the password of Kafka into it as UTF-8/,
        ],
        [wide, /", is no text in UTF-8$/, /as UTF-8/],
        [
          "geheim".repeat(500_000),
          /^Cannot read the password of Kafka in ".*": it is larger than 64 KiB$/,
          /alone with/,
        ],
      ] as [string | Uint8Array, RegExp, RegExp][]
    ) {
      await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await assert.rejects(kafkaSecurity(resolve({ ...SASL, KAFKA_SASL_PASSWORD_FILE: path })), (error) => {
        assert.ok(!String(error).includes("geheim"));
        return isWrong(error, message, hint);
      });
    }
    const named = resolve({ ...SASL, KAFKA_TLS: "true", KAFKA_SASL_PASSWORD_FILE: folder });
    await assert.rejects(
      kafkaSecurity(named),
      (error) => isWrong(error, /it is a folder$/, /^Name a file with --kafka/),
    );
    assert.deepEqual(await securityWarnings(named), [], "a folder is not to be made secret first");
    await Deno.writeTextFile(path, "\ufeffgeheim\n");
    const { sasl } = await kafkaSecurity(resolve({ ...SASL, KAFKA_SASL_PASSWORD_FILE: path }));
    assert.equal(sasl?.password, "geheim", "a mark of the order of bytes is none of it");
  });
});

Deno.test("a secret that others can read, and a password that goes far in the clear, are warned of", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "password");
    await Deno.writeTextFile(path, "geheim", { mode: 0o600 });
    const plain = { ...SASL, KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_PASSWORD_FILE: path };
    const warned = async (env: Record<string, string>) => (await securityWarnings(resolve(env))).join("\n");
    assert.match(await warned(plain), /^The password of Kafka goes to "kafka.example:9093" in the clear.*--kafka-tls$/);
    assert.equal(await warned({ ...plain, KAFKA_TLS: "true" }), "");
    assert.equal(await warned({ ...plain, KAFKA_BROKERS: "127.0.0.1:9092,[::1]:9092,localhost" }), "");
    assert.match(await warned({ ...plain, KAFKA_BROKERS: "127.999.0.1" }), /in the clear/, "which is a name");
    assert.equal(await warned({ ...plain, KAFKA_SASL_MECHANISM: "SCRAM-SHA-256" }), "");
    const cassandra = { ...CASSANDRA, CASSANDRA_USERNAME: "me", CASSANDRA_PASSWORD_FILE: path };
    assert.match(await warned(cassandra), /^The password of Cassandra goes to "10.0.0.1:9042" in the clear/);
    const registry = { SCHEMA_REGISTRY_URL: "http://me:geheim@registry.example:8081" };
    assert.match(
      await warned(registry),
      /^The password of the schema registry goes to "registry.example:8081" in .* https:$/,
    );
    assert.equal(await warned({ SCHEMA_REGISTRY_URL: "https://me:geheim@registry.example" }), "");
    assert.equal(await warned({ SCHEMA_REGISTRY_URL: "http://me:geheim@localhost:8081" }), "");
    assert.equal(await warned(REGISTRY), "");
    const traced = async (env: Record<string, string>, on = "true") =>
      (await securityWarnings(resolve(env), (name) => name === "OTEL_DENO" ? on : undefined)).join("\n");
    const keyed = { USERPIPE_URL: "https://api.example/?key=geheim" };
    const both = { ...keyed, USERPIPE_NOTIFY: "https://hook.example/geheim" };
    assert.match(await traced(keyed), /^The traces that Deno sends .* that of --url\. Send.*OTEL_DENO out$/);
    assert.match(await traced(both), / that of --url and --notify\. /);
    assert.doesNotMatch(await traced(both), /geheim/);
    assert.equal(await traced(both, "false"), "");
    assert.equal(await traced({ USERPIPE_URL: "https://api.example/" }), "");
    const posted = async (notify: string, flags = { notify }) =>
      (await securityWarnings(resolve({ USERPIPE_NOTIFY: notify }), () => undefined, (name) => flagOf(flags, name)))
        .join("\n");
    const room = "https://chat.example/services/geheim";
    assert.match(await posted(room), /^Every user .* the address of --notify .*Set USERPIPE_NOTIFY to it/);
    assert.doesNotMatch(await posted(room), /geheim/);
    for (const open of ["https://hook.example/", "http://127.0.0.1:1/hook", "http://[::1]:1/hook"]) {
      assert.equal(await posted(open), "");
    }
    assert.equal(await posted(room, {} as { notify: string }), "", "a variable is seen by nobody else");
    await Deno.chmod(path, 0o644);
    assert.match(await warned({ ...cassandra, CASSANDRA_TLS: "true" }), /^".*" can be read by every user.*chmod 600/);
  });
});
