/** Settings: flags over environment over defaults, every wrong one named in one error. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UserpipeError } from "../src/errors.ts";
import { misspeltIn } from "../src/misspelt.ts";
import { resolveSettings, type SettingName, SETTINGS } from "../src/settings.ts";

const ALL = Object.keys(SETTINGS) as SettingName[];
const none = () => undefined;

Deno.test("a flag wins over the environment, and that over the default", () => {
  const env = (name: string) => name === "KAFKA_GROUP" ? "from-env" : undefined;
  assert.equal(resolveSettings(ALL, { group: "from-flag" }, env).group, "from-flag");
  assert.equal(resolveSettings(ALL, {}, env).group, "from-env");
  assert.equal(resolveSettings(ALL, {}, none).group, "userpipe");
});

Deno.test("that the page was asked for by the environment is known, since that is for all commands", () => {
  const { dashboard } = resolveSettings(["dashboard"], {}, () => "9000");
  assert.deepEqual(dashboard, { host: "127.0.0.1", port: 9000, portAsked: true, byFlag: false });
  assert.equal(resolveSettings(["dashboard"], { dashboard: false }, () => "9000").dashboard, "off");
});

Deno.test("an empty environment variable is none", () => {
  assert.equal(resolveSettings(ALL, {}, () => "").group, "userpipe");
});

Deno.test("a setting that the command does not take is not read", () => {
  assert.equal(resolveSettings(["dataDir"], {}, () => "nonsense").maxRate, undefined);
});

Deno.test("one error names everything that is wrong, and where it came from", () => {
  const env = (name: string) => name === "KAFKA_BROKERS" ? "a b:1" : undefined;
  const attempt = () => resolveSettings(ALL, { count: "0", every: "90" }, env);
  assert.throws(attempt, (error) => {
    assert.ok(error instanceof UserpipeError);
    assert.equal(error.exit, 2);
    for (const part of ['--count is "0"', '--every is "90"', 'KAFKA_BROKERS is "a b:1"']) {
      assert.ok(error.message.includes(part), part);
    }
    return true;
  });
});

const GOOD: [SettingName, string, unknown][] = [
  ["brokers", "a,b:1", ["a:9092", "b:1"]],
  ["brokers", "[::1]:9092, c", ["[::1]:9092", "c:9092"]],
  ["contactPoints", "127.0.0.1", ["127.0.0.1:9042"]],
  ["every", "1m", 60_000],
  ["every", "6h", 21_600_000],
  ["retention", "forever", -1],
  ["retention", "30d", 2_592_000_000],
  ["maxInFlightBytes", "64KiB", 65_536],
  ["maxInFlightBytes", "16777216", 16_777_216],
  ["from", "earliest", "earliest"],
  ["from", "2026-01-31T12:00:00Z", { timestamp: Date.UTC(2026, 0, 31, 12) }],
  ["from", "2026-01-31", { timestamp: Date.UTC(2026, 0, 31) }],
  ["until", "2026-01-31T12:00:00+02:00", { timestamp: Date.UTC(2026, 0, 31, 10) }],
  ["until", "1769860800000", { timestamp: 1_769_860_800_000 }],
  ["consistency", "local_quorum", "LOCAL_QUORUM"],
  ["maxRecords", "1_000_000", 1_000_000],
  ["generate", "1000000000", 1_000_000_000],
  ["topic", "a.B_c-9", "a.B_c-9"],
  ["topic", "x".repeat(249), "x".repeat(249)],
  ["state", "failed, to-outbox,to outbox", ["failed", "to outbox", "to outbox"]],
  ["kind", "manual", ["manual"]],
  ["pages", "1..100", { first: 1, last: 100 }],
  ["pages", "7", { first: 7, last: 7 }],
  ["quota", "20000/5m", { records: 20_000, windowMs: 300_000 }],
  ["runsMaxAge", "forever", -1],
  ["runs", "postgresql://me@host/runs", "postgresql://me@host/runs"],
  ["since", "2026-01-31T12:00:00Z", { timestamp: Date.UTC(2026, 0, 31, 12) }],
  ["dashboard", "true", { host: "127.0.0.1", port: 8642, portAsked: false, byFlag: true }],
  ["dashboard", "9000", { host: "127.0.0.1", port: 9000, portAsked: true, byFlag: true }],
  ["dashboard", ":0", { host: "127.0.0.1", port: 0, portAsked: true, byFlag: true }],
  ["dashboard", "0.0.0.0", { host: "0.0.0.0", port: 8642, portAsked: false, byFlag: true }],
  ["dashboard", "[::1]:9000", { host: "::1", port: 9000, portAsked: true, byFlag: true }],
  ["dashboard", "box-1.example.org:80", { host: "box-1.example.org", port: 80, portAsked: true, byFlag: true }],
  ["dashboard", "false", "off"],
];

for (const [name, text, value] of GOOD) {
  Deno.test(`${name} takes "${text}"`, () => {
    // A flag of an end wants that end named.
    const flags = { brokers: "b", contactPoints: "c", [name]: text };
    assert.deepEqual(resolveSettings(["brokers", "contactPoints", name], flags, none)[name], value);
  });
}

const BAD: [SettingName, string][] = [
  ["brokers", ""],
  ["brokers", ","],
  ["brokers", "host:99999"],
  ["brokers", "http://host:9092"],
  ["every", "1"],
  ["every", "0m"],
  ["every", "1 minute"],
  ["every", "-1m"],
  ["every", "99999999999999999d"],
  ["count", "1.5"],
  ["count", "-1"],
  ["count", "1e3"],
  ["page", "10001"],
  ["maxInFlightBytes", "12"],
  ["maxInFlightBytes", "16 megabytes"],
  ["from", "yesterday"],
  ["from", "2026-01-31T12:00:00"],
  ["until", "earliest"],
  ["until", "2026-13-01"],
  ["consistency", "MOST"],
  ["keyspace", "a-b"],
  ["keyspace", "Robert'); DROP"],
  ["format", "xml"],
  ["partition", "-1"],
  ["topic", "."],
  ["topic", ".."],
  ["topic", "a b"],
  ["topic", "a/b"],
  ["topic", "é"],
  ["topic", "x".repeat(250)],
  ["deadLetterTopic", "a\nb"],
  ["state", "green"],
  ["state", ""],
  ["pages", "0..3"],
  ["pages", "3..1"],
  ["pages", "1..10001"],
  ["pages", "1-3"],
  ["quota", "20000"],
  ["quota", "0/5m"],
  ["runs", "mysql://me@host/runs"],
  ["runs", "host:5432"],
  ["notify", "mailto:me@host"],
  ["since", "yesterday"],
  ["dashboard", "127.0.0.1:65536"],
  ["dashboard", "http://127.0.0.1:80"],
  ["dashboard", "::1"],
  ["dashboard", "a b"],
  ["dashboard", "123456"],
];

for (const [name, text] of BAD) {
  Deno.test(`${name} refuses "${text}" and says what it takes`, () => {
    assert.throws(() => resolveSettings([name], { [name]: text }, none), (error) => {
      return error instanceof UserpipeError && /it takes|is not|it is empty/.test(error.message);
    });
  });
}

Deno.test("a time of 0 is refused for its amount, not for its form", () => {
  for (const name of ["every", "retention"] as const) {
    assert.throws(() => resolveSettings([name], { [name]: "0s" }, none), /it takes a time above 0/);
  }
});

Deno.test("a flag that would be ignored beside another is an error that names both; a variable is not", () => {
  const resolve = (flags: Record<string, string>, env = none as (name: string) => string | undefined) =>
    resolveSettings(ALL, flags, env);
  for (
    const [flags, message] of [
      [{ file: "x", count: "3" }, /^--count does not fit --file: /],
      [{ file: "x", seed: "a", url: "http://a", nat: "gb" }, /^--seed, --nat and --url do not fit --file: /],
      [{ generate: "1", page: "2", count: "3" }, /^--count and --page do not fit --generate: /],
      [{ every: "1m", timeZone: "UTC" }, /^--time-zone does not fit --every: /],
      [{ timeZone: "Europe/Berlin" }, /^--time-zone does nothing without --cron: /],
      [{ generate: "1", quota: "9/1m" }, /^--quota does not fit --generate: /],
      [{ replication: "3" }, /^--replication does nothing without --brokers: /],
      [{ consistency: "ONE" }, /^--consistency does nothing without --contact-points: /],
      [{ runsPasswordFile: "x" }, /^--runs-password-file does nothing without --runs: /],
    ] as [Record<string, string>, RegExp][]
  ) {
    assert.throws(() => resolve(flags), (error) => {
      assert.ok(error instanceof UserpipeError);
      assert.equal(error.code, "settings");
      assert.match(error.message, message);
      return true;
    });
  }
  assert.equal(resolve({ generate: "1", seed: "a" }).seed, "a");
  const zone = "Europe/Berlin";
  assert.equal(resolve({ cron: "0 6 * * *", timeZone: zone }).timeZone, zone);
  assert.equal(
    resolve({ timeZone: zone }, (name) => name === "USERPIPE_CRON" ? "0 6 * * *" : undefined).timeZone,
    zone,
  );
  assert.equal(resolve({}, (name) => name === "USERPIPE_TIME_ZONE" ? zone : undefined).timeZone, zone);
  assert.equal(resolve({ file: "x" }, (name) => name === "USERPIPE_COUNT" ? "5" : undefined).file, "x");
});

Deno.test("a time since which is one ago is counted from now", () => {
  const { since } = resolveSettings(["since"], { since: "24h" }, none);
  assert.ok(Math.abs(since!.timestamp - (Date.now() - 86_400_000)) < 5_000);
});

Deno.test("a password is refused on the command line, taken from the environment, and in no message", () => {
  const address = "postgres://me:geheim@host/runs";
  for (const runs of [address, "postgres://me@host/runs?password=geheim", "mysql://me:geheim@host", "geheim"]) {
    assert.throws(() => resolveSettings(["runs"], { runs }, none), (error) => {
      assert.ok(error instanceof UserpipeError);
      assert.match(error.message, /^--runs: /);
      assert.ok(!`${error.message}${error.hint}`.includes("geheim"), error.message);
      return true;
    });
  }
  assert.throws(() => resolveSettings(["runs"], { runs: address }, none), /PGPASSWORD.*--runs-password-file/);
  assert.equal(resolveSettings(["runs"], {}, () => address).runs, address);
  assert.throws(() => resolveSettings(["notify"], {}, () => "geheim"), (error) => !String(error).includes("geheim"));
});

Deno.test("what a query calls a secret is refused on the command line and taken from the environment", () => {
  for (const setting of ["url", "notify", "schemaRegistryUrl"] as const) {
    const variable = new RegExp(`and set ${SETTINGS[setting].env} to the whole address$`);
    for (const query of ["key", "n=1&API_KEY", "accessToken", "client_secret", "password", "sig", "x-auth"]) {
      const address = `https://host.example/path?${query}=geheim`;
      assert.throws(() => resolveSettings([setting], { [setting]: address }, none), (error) => {
        assert.ok(error instanceof UserpipeError && !error.message.includes("geheim"), String(error));
        assert.match(error.message, variable);
        return true;
      });
      const env = (name: string) => name === SETTINGS[setting].env ? address : undefined;
      assert.equal(resolveSettings([setting], {}, env)[setting], address);
    }
    const plain = "https://host.example/path?results=5&nat=gb&keyspace=k&design=1";
    assert.equal(resolveSettings([setting], { [setting]: plain }, none)[setting], plain);
  }
});

Deno.test("a login in a list of hosts is refused without being shown, with where it belongs", () => {
  for (
    const [name, login] of [
      ["brokers", /set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD$/],
      ["contactPoints", /set CASSANDRA_USERNAME and CASSANDRA_PASSWORD$/],
    ] as [SettingName, RegExp][]
  ) {
    for (const text of ["u:geheim@host", "a:1,u:ge,heim@host:9092", "kafka://u:geheim@host", "geheim@host"]) {
      assert.throws(() => resolveSettings([name], { [name]: text }, none), (error) => {
        assert.ok(error instanceof UserpipeError && !`${error.message}${error.hint}`.includes("heim"), String(error));
        assert.match(error.message, login);
        return true;
      });
    }
  }
  const odd = () => resolveSettings(["dashboard"], { dashboard: "u:geheim@host:1" }, none);
  assert.throws(odd, (error) => !String(error).includes("geheim"));
});

Deno.test("a variable that nobody reads is named, with the one that it may be meant for, and none of other programs", () => {
  const meant = (...set: string[]) => misspeltIn(set).map(({ name, meant }) => `${name} ${meant}`);
  for (
    const [name, known] of [
      ["KAFKA_BROKER", "KAFKA_BROKERS"],
      ["KAKFA_BROKERS", "KAFKA_BROKERS"],
      ["KAFKA_BROKERS_LIST", "KAFKA_BROKERS"],
      ["kafka_brokers", "KAFKA_BROKERS"],
      ["CASSANDRA_CONTACTPOINTS", "CASSANDRA_CONTACT_POINTS"],
      ["CASSANDRA_PASSWROD_FILE", "CASSANDRA_PASSWORD_FILE"],
      ["USERPIPE_TOPC", "KAFKA_TOPIC"],
      ["USERPIPE_KEYSPACE", "CASSANDRA_KEYSPACE"],
      ["USERPIPE_LOGLEVEL", "USERPIPE_LOG_LEVEL"],
      ["USERPIPE_NOTHING_LIKE_IT", undefined],
    ]
  ) assert.deepEqual(meant(name!), [`${name} ${known}`]);
  const known = Object.values(SETTINGS).flatMap((setting) => "env" in setting ? setting.env ?? [] : []);
  const others = ["KAFKA_HOME", "KAFKA_OPTS", "KAFKA_HEAP_OPTS", "KAFKA_PORT", "KAFKA_JMX_OPTS", "KAFKA_LOG_DIRS"];
  const kubernetes = [
    "USERPIPE_PORT",
    "USERPIPE_SERVICE_HOST",
    "USERPIPE_PORT_8642_TCP_ADDR",
    "KAFKA_BROKER_PORT",
    "KAFKA_BROKERS_SERVICE_HOST",
  ];
  const more = ["CASSANDRA_HOME", "CASSANDRA_CONF", "CASSANDRA_SEEDS", "USERPIPE_FAULT", "PGPASSFILE", "HOME", "PATH"];
  assert.deepEqual(meant(...known, ...others, ...kubernetes, ...more), []);
  assert.deepEqual(meant(...others, ...kubernetes, ...more), []);
  assert.deepEqual(meant("KAFKA_TOPICS", "KAFKA_TOPIC"), [], "another program may have it beside ours");
});

Deno.test("any text is taken or refused with an operating error, never thrown on", () => {
  fc.assert(fc.property(fc.constantFrom(...ALL), fc.string({ unit: "binary" }), (name, text) => {
    try {
      resolveSettings([name], { [name]: text }, none);
    } catch (error) {
      assert.ok(error instanceof UserpipeError);
    }
  }));
});
