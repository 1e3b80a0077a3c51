/** Certificates that are not taken, as Kafka, Cassandra and a schema registry would show them: what is said, and what to do. */
import assert from "node:assert/strict";
import { openKafka } from "../src/broker/kafka.ts";
import type { Check } from "../src/errors.ts";
import { openConfluent } from "../src/registry/confluent.ts";
import { openCassandra } from "../src/store/cassandra.ts";
import { type Tls, tlsRefusal } from "../src/tls.ts";
import { COLUMNS } from "./contracts/store_fixture.ts";
import { AUTHORITY, ELSEWHERE, type Identity, SERVER, STRANGER } from "./support/certificates.ts";
import { CERTIFICATE, KEY, tlsServer } from "./support/tls.ts";

const ALONE: Identity = { cert: CERTIFICATE, key: KEY };
const UNTRUSTED = "its certificate is signed by no authority that is trusted here";

const ENDS = {
  kafka: (at: string, tls: Tls) => openKafka({ brokers: [at], clientId: "userpipe-test", tls }),
  cassandra: (at: string, tls: Tls) => {
    const table = { keyspace: "k", name: "t", columns: COLUMNS };
    return openCassandra({ contactPoints: [at], consistency: "LOCAL_QUORUM", table, tls });
  },
};

function assertSays(answer: Check, why: string, hint: RegExp): void {
  assert.ok(!answer.ok, "it was let in");
  const { message } = answer.error;
  assert.equal(message.slice(message.lastIndexOf('": ') + 3), why);
  assert.match(answer.error.hint, hint);
}

for (
  const [what, identity, host, why, hint] of [
    [
      "is signed by itself alone",
      ALONE,
      "localhost",
      `${UNTRUSTED} (self-signed)`,
      (end: string) => new RegExp(`^Name the certificate itself, .* with --${end}-ca-file$`),
    ],
    [
      "comes with an authority that nobody trusts",
      { ...SERVER, cert: `${SERVER.cert}${AUTHORITY}` },
      "localhost",
      UNTRUSTED,
      (end: string) => new RegExp(`^Name the certificate of its authority, .* with --${end}-ca-file$`),
    ],
    [
      "is for a name, and is reached by an address",
      ELSEWHERE,
      "127.0.0.1",
      "its certificate is for another name (it is for DNS:elsewhere.test)",
      (end: string) => end === "kafka" ? /^Name it in --brokers/ : /--cassandra-server-name/,
    ],
  ] as const
) {
  Deno.test(`of a certificate that ${what} Kafka and Cassandra say so`, async () => {
    const { at, close } = tlsServer(identity);
    try {
      for (const [name, open] of Object.entries(ENDS)) {
        const tls = identity === ELSEWHERE ? { ca: AUTHORITY } : {};
        const end = open(at.replace("localhost", host), tls);
        try {
          assertSays(await end.check(), why, hint(name));
        } finally {
          await end.close();
        }
      }
    } finally {
      await close();
    }
  });
}

const registryAt = (url: string, ca?: string) => openConfluent({ url, ca, subject: "s", schema: {} });

Deno.test("of a registry's certificate that nobody trusts it is said where to name it", async () => {
  for (const identity of [ALONE, SERVER]) {
    const { at, close } = tlsServer(identity);
    try {
      assertSays(
        await registryAt(`https://${at}`).check(),
        UNTRUSTED,
        /with --schema-registry-ca-file, or set DENO_TLS_CA_STORE=system/,
      );
    } finally {
      await close();
    }
  }
});

Deno.test("a registry's certificate is taken from the authorities that are named, and from no others", async () => {
  const serve = (identity: Identity) =>
    Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {}, ...identity },
      () => Response.json({ id: 3, version: 1, schema: "{}" }),
    );
  for (const [identity, ca] of [[SERVER, STRANGER + AUTHORITY], [ALONE, CERTIFICATE]] as const) {
    await using server = serve(identity);
    const url = `https://localhost:${server.addr.port}`;
    assert.ok((await registryAt(url, ca).check()).ok);
    assertSays(await registryAt(url, STRANGER).check(), UNTRUSTED, /with --schema-registry-ca-file/);
  }
  await using elsewhere = serve(ELSEWHERE);
  const other = await registryAt(`https://localhost:${elsewhere.addr.port}`, AUTHORITY).check();
  assertSays(other, "its certificate is for another name (it is for DNS:elsewhere.test)", /SCHEMA_REGISTRY_URL/);
});

Deno.test("of a registry that is asked in TLS and speaks plain http it is said so", async () => {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
  try {
    const answer = await registryAt(`https://127.0.0.1:${server.addr.port}`).check();
    assertSays(answer, "it does not speak TLS there", /Begin SCHEMA_REGISTRY_URL with http:/);
  } finally {
    await server.shutdown();
  }
});

Deno.test("what Deno's fetch says of a certificate has the same words as what node's TLS says", () => {
  const names = 'certificate is only valid for DnsName("a.test"), DnsName("b.test") or IpAddress(10.0.0.1)';
  const cases: [said: string, why: string, hint: RegExp][] = [
    ["Other(OtherError(CaUsedAsEndEntity))", `${UNTRUSTED} (self-signed)`, /CA:FALSE.*--schema-registry-ca-file/],
    ["certificate expired: verification time 1795451471 (UNIX), but", "its certificate has expired", /anew/],
    ["certificate not valid yet: verification time 1 (UNIX), but", "its certificate is not valid yet", /clock/],
    [
      `certificate not valid for name "c.test"; ${names}`,
      "its certificate is for another name (it is for DNS:a.test, DNS:b.test, IP Address:10.0.0.1)",
      /SCHEMA_REGISTRY_URL/,
    ],
  ];
  for (const [said, why, hint] of cases) {
    const cause = new Error(`client error (Connect): invalid peer certificate: ${said}`);
    const refusal = tlsRefusal(new TypeError("fetch failed", { cause }), "registry");
    assert.equal(refusal?.why, why);
    assert.match(refusal.hint, hint);
  }
});

Deno.test("nothing raw is said of a certificate whose names no error tells", () => {
  const message = "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: ";
  const error = Object.assign(new Error(message), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  assert.equal(tlsRefusal(error, "cassandra")?.why, "its certificate is for another name");
});
