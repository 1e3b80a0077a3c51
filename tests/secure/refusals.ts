/** What is said where a secure connection fails: by `check()`, whose errors are those of every command, and by `doctor`. */
import assert from "node:assert/strict";
import type { Broker } from "../../src/broker/broker.ts";
import { openKafka } from "../../src/broker/kafka.ts";
import type { Code } from "../../src/errors.ts";
import { openCassandra } from "../../src/store/cassandra.ts";
import { connection } from "../../src/store/cassandra_check.ts";
import { refusalAt } from "../../src/store/cassandra_reach.ts";
import type { Store } from "../../src/store/store.ts";
import type { Tls } from "../../src/tls.ts";
import { COLUMNS } from "../contracts/store_fixture.ts";
import { ELSEWHERE, EXPIRED, INTRUDER, STRANGER } from "../support/certificates.ts";
import { BOSS, type Check, passwordOf, type SecureServices, TLS } from "../support/secure_services.ts";
import { tlsServer } from "../support/tls.ts";

const SCRAM = { ...BOSS, mechanism: "SCRAM-SHA-512" };
const { ca } = TLS;

interface Refusal {
  code: Code;
  says: RegExp;
  hint: RegExp;
}

type Connection = { at: string; tls?: Tls; login?: { username: string; password: string; mechanism?: string } };
type Case = [what: string, connection: (given: SecureServices) => Connection, refusal: Refusal];

/** Takes connections and says nothing. */
function silentServer(): { at: string; close(): Promise<void> } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const held: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) held.push(connection);
  })();
  return {
    at: `127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    close: () => {
      for (const connection of held) connection.close();
      listener.close();
      return accepting;
    },
  };
}

const UNREACHABLE = { kafka: "broker-unreachable", cassandra: "store-unreachable" } as const;

/** What goes for both ends. `right` connects as it should be. */
function common(end: "kafka" | "cassandra", right: (given: SecureServices) => Required<Connection>): Case[] {
  const code = UNREACHABLE[end];
  return [
    ["in plain to TLS", (given) => ({ ...right(given), tls: undefined }), {
      code,
      says: /: it speaks TLS only$/,
      hint: new RegExp(`--${end}-tls`),
    }],
    ["an authority that did not sign", (given) => ({ ...right(given), tls: { ...TLS, ca: STRANGER } }), {
      code,
      says: /: its certificate is signed by no authority that is trusted here$/,
      hint: new RegExp(`--${end}-ca-file`),
    }],
    ["no certificate where one is asked for", (given) => ({ ...right(given), tls: { ca } }), {
      code: "not-authorised",
      says: /: it lets nobody in without a certificate that it trusts$/,
      hint: new RegExp(`--${end}-cert-file.*--${end}-key-file`),
    }],
    ["a certificate that it does not trust", (given) => ({ ...right(given), tls: { ca, ...INTRUDER } }), {
      // A Cassandra calls it an internal error of its own.
      code: end === "kafka" ? "not-authorised" : code,
      says: /: it (?:does not take our certificate|breaks off TLS's handshake, as who does not trust our certificate)/,
      hint: new RegExp(`--${end}-cert-file`),
    }],
    ["a wrong password", (given) => {
      const connection = right(given);
      return { ...connection, login: { ...connection.login, password: "falsch" } };
    }, {
      code: "not-authorised",
      says: /does not take the user and password: /,
      hint: new RegExp(`${end.toUpperCase()}_(?:SASL_)?PASSWORD`),
    }],
    ["an unknown user", (given) => {
      const connection = right(given);
      return { ...connection, login: { ...connection.login, username: "unknown" } };
    }, {
      code: "not-authorised",
      says: /does not take the user and password: /,
      hint: new RegExp(`--${end}-(?:sasl-)?username`),
    }],
    ["no login where one is asked for", (given) => ({ ...right(given), login: undefined }), {
      code: "not-authorised",
      says: /: it lets nobody in without a login/,
      hint: new RegExp(`--${end}-(?:sasl-)?username`),
    }],
  ];
}

const KAFKA: Case[] = [
  ...common("kafka", ({ kafka }) => ({ at: kafka.scram, tls: TLS, login: SCRAM })),
  ["TLS to a plain listener", ({ kafka }) => ({ at: kafka.plain, tls: TLS }), {
    code: "broker-unreachable",
    says: /: it does not speak TLS there$/,
    hint: /Leave out --kafka-tls/,
  }],
  ["a mechanism that is not enabled", ({ kafka }) => ({
    at: kafka.scram,
    tls: TLS,
    login: { ...BOSS, mechanism: "PLAIN" },
  }), { code: "not-authorised", says: /PLAIN.*SCRAM-SHA-256/, hint: /--kafka-sasl-mechanism/ }],
  ["a login where none is taken", ({ kafka }) => ({ at: kafka.tls, tls: TLS, login: SCRAM }), {
    code: "broker-unreachable",
    says: /: it takes no login there$/,
    hint: /Leave out --kafka-sasl-mechanism/,
  }],
];

const CASSANDRA: Case[] = [
  ...common("cassandra", ({ cassandra }) => ({ at: cassandra.endpoint, tls: TLS, login: BOSS })),
  ["a name that is not in the certificate", ({ cassandra }) => ({
    at: cassandra.endpoint,
    tls: { ...TLS, serverName: "other.test" },
    login: BOSS,
  }), {
    code: "store-unreachable",
    says: /: its certificate is for another name/,
    hint: /--cassandra-server-name/,
  }],
];

/** Registers what each wrong connection to either end must say. */
export function refusals(check: Check): void {
  for (const [what, connection, refusal] of KAFKA) {
    check(`Kafka: of ${what} it says what is wrong and what to do`, async (given) => {
      await kafkaSays(connection(given), refusal);
    });
  }
  for (const [what, connection, refusal] of CASSANDRA) {
    check(`Cassandra: of ${what} it says what is wrong and what to do`, async (given) => {
      await cassandraSays(connection(given), refusal);
    });
  }
  for (
    const [what, identity, says, hint] of [
      ["another name", ELSEWHERE, /certificate is for another name \(it is for DNS:elsewhere\.test\)/, /name/],
      ["a time that is over", EXPIRED, /certificate has expired$/, /clock/],
    ] as const
  ) {
    check(`of a certificate for ${what} both ends say so`, async () => {
      const { at, close } = tlsServer(identity);
      try {
        await kafkaSays({ at, tls: { ca } }, { code: UNREACHABLE.kafka, says, hint });
        await cassandraSays({ at, tls: { ca } }, { code: UNREACHABLE.cassandra, says, hint });
      } finally {
        await close();
      }
    });
  }
  check("who hears TLS's hello and says nothing is given up within seconds", async () => {
    const { at, close } = silentServer();
    const began = performance.now();
    try {
      await Promise.all([openBroker({ at, tls: { ca } }), openStore({ at, tls: { ca } })].map(async (end) => {
        const answer = await end.check();
        assert.ok(!answer.ok && answer.error.transient);
        assert.match(
          answer.error.message,
          /^Cannot reach .*: (?:timed out|it takes connections and (?:does not answer|answers nothing in TLS))$/,
        );
        await end.close();
      }));
    } finally {
      await close();
    }
    assert.ok(performance.now() - began < 60_000, `${performance.now() - began} ms`);
  });
  check("doctor names a node whose certificate is for another name than its address", async () => {
    const { at, close } = tlsServer(ELSEWHERE);
    try {
      const link = { name: "Cassandra", refusal: (address: string) => refusalAt(address, { ca }) };
      const found = await connection(link, { dataCenter: "dc1", nodes: [{ address: at, isUp: () => false }] });
      assert.equal(found.state, "warn");
      assert.match(found.detail, /0 of 1 nodes up; \S+ \(its certificate is for another name .* cannot be reached/);
      assert.match("hint" in found ? found.hint : "", /--cassandra-server-name/);
    } finally {
      await close();
    }
  });
  check("a login by a name in every node's certificate works", async ({ cassandra }) => {
    const store = openStore({ at: cassandra.endpoint, tls: { ...TLS, serverName: "cassandra.test" }, login: BOSS });
    try {
      const answer = await store.check();
      assert.ok(!answer.ok && answer.error.code === "store-missing", JSON.stringify(answer));
    } finally {
      await store.close();
    }
  });
  check("no finding and no error has a password in it", async ({ kafka, cassandra }) => {
    const password = passwordOf("nobody");
    const login = { username: "nobody", password: `${password}-wrong` };
    const said = [
      ...await found(openBroker({ at: kafka.scram, tls: TLS, login: { ...login, mechanism: "SCRAM-SHA-512" } })),
      ...await found(openStore({ at: cassandra.endpoint, tls: TLS, login })),
    ];
    assert.ok(!said.join("\n").includes(password), said.join("\n"));
  });
}

function openBroker({ at, tls, login }: Connection): Broker {
  const sasl = login && { mechanism: "PLAIN", ...login };
  return openKafka({ brokers: [at], clientId: "userpipe-test", tls, sasl });
}

function openStore({ at, tls, login }: Connection): Store {
  const table = { keyspace: "k", name: "t", columns: COLUMNS };
  return openCassandra({ contactPoints: [at], consistency: "LOCAL_QUORUM", table, tls, login });
}

/** All that is said of an end: the error of its check with its causes, and each finding. */
async function found(end: Broker | Store): Promise<string[]> {
  try {
    const answer = await end.check();
    assert.ok(!answer.ok);
    const findings = await Array.fromAsync(
      end.diagnose({ topic: "t", deadLetterTopic: "t.dlq", group: "g", replication: 1 }),
    );
    return [Deno.inspect(answer.error, { depth: 9 }), JSON.stringify(findings)];
  } finally {
    await end.close();
  }
}

const kafkaSays = (connection: Connection, refusal: Refusal) => says(openBroker(connection), refusal);
const cassandraSays = (connection: Connection, refusal: Refusal) => says(openStore(connection), refusal);

async function says(end: Broker | Store, { code, says, hint }: Refusal): Promise<void> {
  try {
    const answer = await end.check();
    assert.ok(!answer.ok, "it was let in");
    const { error } = answer;
    assert.match(error.message, says, Deno.inspect(error));
    assert.match(error.hint, hint);
    assert.equal(error.code, code, error.message);
    const wanted = { topic: "t", deadLetterTopic: "t.dlq", group: "g", replication: 1 };
    const findings = await Array.fromAsync(end.diagnose(wanted));
    assert.equal(findings.length, 1, JSON.stringify(findings));
    const [finding] = findings;
    assert.equal(finding!.state, "fail");
    assert.match(finding!.detail, says);
    assert.match("hint" in finding! ? finding.hint : "", hint);
  } finally {
    await end.close();
  }
}
