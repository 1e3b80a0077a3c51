/** `settings`: every setting with what says so, no secret, and what is wrong among the rest. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { COMMANDS } from "../src/cli/commands.ts";
import { hidingSecretsOf, hostAlone, withoutSecrets, withSecrets } from "../src/hidden.ts";
import { GROUPS, nameOf, type SettingName, SETTINGS } from "../src/settings.ts";
import { settingsInForce } from "../src/settings_in_force.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { oddSecretOf, secretFile, secretOf } from "./support/secrets.ts";

interface Row {
  group: string;
  setting: string;
  commands: string[];
  value: string | null;
  otherwise: string | null;
  from: string;
  secret: boolean;
  error: string | null;
  hint: string | null;
}

const rowsOf = (printed: string) => JSON.parse(printed) as Row[];

Deno.test("every setting is in one group, and in what settings shows, with the commands that it is of", () =>
  withFolder(async (cwd) => {
    const grouped = Object.values(GROUPS).flatMap((settings) => Object.keys(settings));
    assert.deepEqual(grouped.toSorted(), Object.keys(SETTINGS).toSorted());
    const rows = rowsOf(await succeeds(["settings", "--format", "json"], { cwd }));
    const flags = Object.values(SETTINGS).map(({ flag }) => nameOf(flag));
    assert.deepEqual(rows.map(({ setting }) => setting).toSorted(), flags.toSorted());
    for (const { setting, commands } of rows) assert.ok(commands.length > 0, setting);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), [], "looking makes nothing");
  }));

Deno.test("each value has where it came from: flag, variable, file, default, pipeline", () =>
  withFolder(async (cwd) => {
    const password = secretOf("the page's password");
    const file = await secretFile(cwd, "password", password);
    const env = {
      ...{ KAFKA_GROUP: "from-env", KAFKA_TOPIC: "over-ridden", USERPIPE_RUNS_PASSWORD_FILE: "" },
      ...{ USERPIPE_DASHBOARD_TOKEN: secretOf("the page's token") },
    };
    const args = ["--topic", "from-flag", "--dashboard-password-file", file, "--migrate", "--no-dashboard"];
    const rows = rowsOf(await succeeds(["settings", ...args, "--format", "json"], { cwd, env }));
    const of = (setting: string) => {
      const { value, from } = rows.find((row) => row.setting === setting)!;
      return [value, from];
    };
    assert.deepEqual(of("--topic"), ["from-flag", "flag"]);
    assert.deepEqual(of("--group"), ["from-env", "environment KAFKA_GROUP"]);
    assert.deepEqual(of("--dead-letter-topic"), ["from-flag.dlq", "the topic's name"]);
    assert.deepEqual(of("--keyspace"), ["spark_streams", "pipeline users"]);
    assert.deepEqual(of("--consistency"), ["LOCAL_QUORUM", "default"]);
    assert.deepEqual(of("--brokers"), [null, "default"]);
    assert.deepEqual(of("--seed"), [null, "not set"]);
    assert.deepEqual(of("--migrate"), ["true", "flag"]);
    assert.deepEqual(of("--dashboard"), ["false", "flag"]);
    const named = `file "${file}", which --dashboard-password-file names`;
    assert.deepEqual(of("--dashboard-password-file"), ["********", named]);
    assert.deepEqual(of("--dashboard-token-file"), ["********", "environment USERPIPE_DASHBOARD_TOKEN"]);
    assert.deepEqual(of("--runs-password-file"), [null, "default"]);
    assert.equal(rows.find(({ setting }) => setting === "--brokers")!.otherwise, "the embedded broker");
    const lines = (await succeeds(["settings", ...args], { cwd, env })).trimEnd().split("\n");
    for (
      const line of [
        "--group = from-env (environment KAFKA_GROUP)",
        "--dashboard-token-file = ******** (environment USERPIPE_DASHBOARD_TOKEN)",
        "--brokers = (the embedded broker) (default)",
        "--from (verify) = earliest (default)",
        "--url = - (not set)",
        "--seed = - (not set)",
      ]
    ) assert.ok(lines.includes(line), `${line}\n${lines.join("\n")}`);
    assert.ok(lines.some((line) => line.startsWith("--format (settings) = ")), lines.join("\n"));
  }));

Deno.test("addresses show host and user, and never a password or what their query says", () =>
  withFolder(async (cwd) => {
    const [password, key, token] = [oddSecretOf("the password"), secretOf("the key"), secretOf("the token")];
    const secretly = (address: string) => Object.assign(new URL(address), { password }).href;
    const env = {
      USERPIPE_RUNS: secretly("postgres://me@db.example:5433/airflow?sslmode=verify-full"),
      USERPIPE_URL: `${secretly("https://me@api.example/v1")}?key=${key}&page=1`,
      USERPIPE_NOTIFY: `https://hooks.example/services/${token}?x=${token}`,
      HTTPS_PROXY: secretly("http://me@proxy.example:3128"),
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${token}`,
      NO_PROXY: "localhost",
    };
    const rows = rowsOf(await succeeds(["settings", "--format", "json"], { cwd, env }));
    const shown = Object.fromEntries(rows.map(({ setting, value }) => [setting, value]));
    assert.equal(shown["--runs"], "postgres://me:********@db.example:5433/airflow?sslmode=verify-full");
    assert.equal(shown["--url"], "https://me:********@api.example/v1?key=********&page=********");
    assert.equal(shown["--notify"], "https://hooks.example/********");
    assert.equal(shown.HTTPS_PROXY, "http://me:********@proxy.example:3128/");
    assert.equal(shown.OTEL_EXPORTER_OTLP_HEADERS, "********");
    assert.equal(shown.NO_PROXY, "localhost");
    for (const args of [["settings"], ["settings", "--format", "table"]]) await succeeds(args, { cwd, env });
  }));

Deno.test("what is wrong is shown with its error among the rest, and ends with 2 and the words of every command", () =>
  withFolder(async (cwd) => {
    const secret = secretOf("a password");
    const env = {
      KAFKA_BROKERS: "a b:1",
      USERPIPE_RUNS: `mysql://me:${secret}@host`,
      USERPIPE_URL: `me:${secret}@host`,
    };
    const { code, stdout, stderr } = await userpipe(["settings", "--group", "g", "--format", "json"], { cwd, env });
    assert.equal(code, 2);
    const rows = rowsOf(stdout);
    const of = (setting: string) => rows.find((row) => row.setting === setting)!;
    assert.equal(of("--group").value, "g");
    assert.deepEqual([of("--brokers").value, of("--brokers").from], ["a b:1", "environment KAFKA_BROKERS"]);
    assert.match(of("--brokers").error!, /^KAFKA_BROKERS is "a b:1": "a b:1" is not host:port$/);
    assert.deepEqual([of("--runs").value, of("--url").value], ["********", "********"]);
    assert.match(of("--runs").error!, /^USERPIPE_RUNS: it takes the address of a Postgres/);
    assert.match(stderr, /^error: 3 settings are wrong:\n {2}.*USERPIPE_URL: it takes a web address/s);
    const login = await userpipe(["settings", "--format", "json"], { cwd, env: { KAFKA_BROKERS: `u:${secret}@b` } });
    assert.equal(rowsOf(login.stdout).find(({ setting }) => setting === "--brokers")!.value, "********");
    assert.match(
      login.stderr,
      /^error: KAFKA_BROKERS: user and password do not belong in it\. .*KAFKA_SASL_PASSWORD\n/,
    );
    const empty = join(cwd, "empty");
    await Deno.writeTextFile(empty, "\n");
    for (
      const [args, setting, message] of [
        [["--dashboard-password-file", empty], "--dashboard-password-file", /is empty$/],
        [
          ["--runs", "postgres://me@host/db", "--runs-password-file", "nothing"],
          "--runs-password-file",
          /^Cannot read the password of the record of runs in "nothing": there is no such file$/,
        ],
        [["--pipeline", "none"], "--pipeline", /^There is no pipeline "none"$/],
        [["--cron", "61 * * * *"], "--cron", /61 \* \* \* \*/],
        [["--url", `http://me:${secret}@host`], "--url", /^--url: a password on the command line/],
      ] as [string[], string, RegExp][]
    ) {
      const { code, stdout, stderr } = await userpipe(["settings", ...args, "--format", "json"], { cwd });
      const row = rowsOf(stdout).find((row) => row.setting === setting)!;
      assert.deepEqual([code, message.test(row.error!)], [2, true], `${row.error}\n${stderr}`);
      assert.match(stderr, /^error: /);
    }
  }));

Deno.test("all that the commands refuse is found at once: halves, misfits, files, an open page, what depends on others", () =>
  withFolder(async (cwd) => {
    const env = {
      ...{ KAFKA_BROKERS: "b:9092", KAFKA_TLS: "true", KAFKA_CERT_FILE: "nothing.pem", KAFKA_SASL_USERNAME: "me" },
      ...{ USERPIPE_TLS_CERT: ".", CASSANDRA_CA_FILE: "not-read.pem" },
    };
    const args = ["settings", "--dashboard", "xyz", "--file", "x", "--count", "3", "--every", "90s"];
    const { code, stdout, stderr } = await userpipe([...args, "--format", "json"], { cwd, env });
    assert.equal(code, 2);
    const wrong = rowsOf(stdout).filter(({ error }) => error !== null);
    const patterns: Record<string, RegExp> = {
      "--kafka-cert-file":
        /^--kafka-cert-file .* without --kafka-key-file .*\nCannot read .* "nothing.pem": there is no such/,
      "--kafka-sasl-username": /without --kafka-sasl-mechanism .*\n--kafka-sasl-username .* is given, and no password$/,
      "--count": /^--count does not fit --file: /,
      "--file": /^There is no file "x"$/,
      "--every": /no whole number of minutes$/,
      "--dashboard": /^The page at "xyz" would stand open/,
      "--tls-cert": /^--tls-cert .* without --tls-key .*\nCannot read the page's certificate in ".": it is a folder$/,
    };
    assert.deepEqual(wrong.map(({ setting }) => setting).toSorted(), Object.keys(patterns).toSorted());
    for (const { setting, error, hint } of wrong) {
      assert.match(error!, patterns[setting]!);
      assert.match(hint!, /\w/);
      for (const line of error!.split("\n")) assert.ok(stderr.includes(`\n  ${line}`), stderr);
    }
    assert.match(stderr, /^error: 10 settings are wrong:\n/m);
    const one = await userpipe(["settings", "--file", "x", "--count", "3", "--no-dashboard"], { cwd, env: {} });
    assert.ok(one.stdout.includes("--count = 3 (flag) error: --count does not fit --file"));
    const off = await userpipe(["settings", "--no-dashboard"], { cwd, env: { USERPIPE_TLS_CERT: "nothing" } });
    assert.equal(off.code, 0, "without a page nothing of it is read");
    const default_ = rowsOf(await succeeds(["settings", "--format", "json"], { cwd }));
    const page = default_.find(({ setting }) => setting === "--dashboard")!.otherwise!;
    assert.match(page, /^up and dashboard show it at 127.0.0.1:8642, ingest and stream do not$/);
  }));

Deno.test("a warning is one line that has its text once", () =>
  withFolder(async (cwd) => {
    const file = await secretFile(cwd, "pass{word}", secretOf("the password of Cassandra"));
    await Deno.chmod(file, 0o644);
    const env = { CASSANDRA_CONTACT_POINTS: "127.0.0.1:1", CASSANDRA_USERNAME: "me", CASSANDRA_PASSWORD_FILE: file };
    const { code, stderr } = await userpipe(["settings"], { cwd, env });
    assert.equal(code, 0, stderr);
    const { level, message } = JSON.parse(stderr);
    assert.deepEqual([level, message], [
      "WARN",
      `"${file}" can be read by every user of this machine. Let nobody else: chmod 600 "${file}"`,
    ]);
    assert.equal(stderr.split("can be read by").length, 2, stderr);
  }));

Deno.test("settings takes the flags of all other commands, and its help lists few of them", () =>
  withFolder(async (cwd) => {
    const { settings } = COMMANDS.find(({ name }) => name === "settings")!;
    const flags = new Set(settings.map((name) => nameOf(SETTINGS[name].flag)));
    for (const { settings } of COMMANDS) {
      for (const name of settings as SettingName[]) assert.ok(flags.has(nameOf(SETTINGS[name].flag)), name);
    }
    const help = await succeeds(["settings", "--help"], { cwd });
    assert.ok(help.includes("--format") && !help.includes("--partitions"), help);
    const up = await succeeds(["up", "--help"], { cwd });
    const headings = Object.keys(GROUPS).filter((title) => up.includes(`\n${title}:\n`));
    assert.deepEqual(headings, Object.keys(GROUPS).filter((title) => title !== "What is shown"));
  }));

Deno.test("what Cassandra settles is not known where it cannot be asked, and that is no error", () =>
  withFolder(async (cwd) => {
    const rows = rowsOf(await succeeds(["settings", "--contact-points", "127.0.0.1:1", "--format", "json"], { cwd }));
    const { value, from } = rows.find(({ setting }) => setting === "--data-center")!;
    assert.equal(value, null);
    assert.match(from, /^not known: Cannot reach Cassandra/);
  }));

Deno.test("an address on record is the one that is named without its secrets, and nothing else brings them back", () => {
  const named = "https://me:pass@host/api?key=1";
  const recorded = withoutSecrets(named);
  assert.equal(recorded, "https://me:********@host/api?key=********");
  assert.equal(withSecrets(recorded, named), named);
  assert.equal(withSecrets(recorded, "https://me:pass@other/api?key=1"), null);
  assert.equal(withSecrets(recorded, undefined), null);
  const plain = "http://127.0.0.1:80/api";
  assert.equal(withoutSecrets(plain), plain);
  assert.equal(withSecrets(plain, "http://other/"), plain);
  assert.equal(withoutSecrets("https://key@host/"), "https://key@host/");
  assert.equal(withoutSecrets("https://:pass@host/"), "https://:********@host/");
  for (const text of ["me:pass@host", "nonsense", ""]) assert.equal(withoutSecrets(text), "********");
  assert.equal(hostAlone("https://me:pass@host:8443/services/T?x=1"), "https://host:8443/********");
  assert.equal(hostAlone("nonsense"), "********");
});

Deno.test("an empty variable is none", () => {
  const rows = settingsInForce({ flags: {}, env: () => "" });
  assert.deepEqual(rows.filter(({ from, error }) => from.startsWith("environment") || error !== null), []);
});

Deno.test("what others say of an address has its secrets hidden, in any form, and nothing else", () => {
  const hide = hidingSecretsOf("http://mary:p%C3%A4ss%20w@host/path?key=Geheim.8&n=100&q=a%2Fb+c&sslmode=require");
  const said = "Geheim.8 geheim.8 Geheim-8 p\u00e4ss w p%C3%A4ss%20w p%c3%a4ss+w a/b c a%2Fb+c a%252Fb%2520c";
  assert.equal(
    hide(said),
    said.replace(/geheim\.8|p(\u00e4|%c3%a4)ss[ +%20]+w|a(\/|%2F|%252F)b( |\+|%2520)c/gi, "********"),
  );
  assert.equal(hide(said).replaceAll("********", "").trim().split(/ +/).join(), "Geheim-8");
  assert.equal(hide("mary host path 100 require"), "mary host path 100 require");
  for (const none of ["", "http://host/", "http://host/?n=1&m=", "no address"]) {
    assert.equal(hidingSecretsOf(none)("a"), "a");
  }
});
