/** The adapter of a registry against one that answers as it is told: what it says of each way in which that can be wrong. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Finding, UserpipeError } from "../src/errors.ts";
import { openRegistry } from "../src/open.ts";
import type { Pipeline } from "../src/pipeline.ts";
import { users as created } from "../src/pipelines.ts";
import { openConfluent } from "../src/registry/confluent.ts";
import type { Registry } from "../src/registry/registry.ts";
import { schemaDifferences } from "../src/registry/schema_differences.ts";
import { resolveSettings } from "../src/settings.ts";
import { Schemas } from "../src/stream/schemas.ts";
import { prefixOf } from "../src/wire_format.ts";
import { withFolder } from "./support/cli.ts";

const users: Pipeline = created;
const schema = users.jsonSchema!();
const SUBJECT = { subject: "users_created-value", schema };
const NO_SUBJECT = [404, { error_code: 40401, message: "no such subject" }] as const;

type Answer = readonly [status: number, body: unknown, location?: string];
/** An answer for `GET /path` or `POST /path`. */
type Answers = Record<string, Answer>;

interface Served {
  registry: Registry;
  url: string;
  asked: { request: string; authorization: string | null }[];
  answers: Answers;
}

async function withServer(
  answers: Answers,
  work: (served: Served) => Promise<void>,
  access: { user?: string; password?: string; credentials?: string } = {},
): Promise<void> {
  const asked: Served["asked"] = [];
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { pathname } = new URL(request.url);
    const name = `${request.method} ${pathname.replace("/root", "")}`;
    asked.push({ request: name, authorization: request.headers.get("authorization") });
    const [status, body, location] = answers[name] ?? [500, { message: `nothing for ${name}` }];
    const headers = new Headers(location === undefined ? {} : { location });
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  });
  const { credentials = "", ...rest } = access;
  const url = `http://${credentials}127.0.0.1:${server.addr.port}/root/`;
  await work({ registry: openConfluent({ url, ...rest, ...SUBJECT }), url, asked, answers });
}

async function thrown(work: Promise<unknown>): Promise<UserpipeError> {
  const error = await work.then(() => undefined, (error) => error);
  assert.ok(error instanceof UserpipeError, `it threw ${error}`);
  return error;
}

const OURS = [200, { id: 3, version: 2, schema: JSON.stringify(schema), schemaType: "JSON" }] as const;

Deno.test("the schema says what is published: each field, what may be null, and no other", () => {
  const { title, type, required, properties, additionalProperties } = schema as Record<string, never>;
  assert.deepEqual([title, type, additionalProperties], ["CreatedUser", "object", false]);
  assert.deepEqual(required, Object.keys(properties));
  assert.deepEqual(Object.keys(properties), users.table.columns.map(({ name }) => name));
});

Deno.test("schemas are compared field by field", () => {
  const theirs = {
    type: "object",
    properties: {
      id: { type: "string", format: "uuid" },
      phone: { type: "number" },
      fax: { type: "string" },
      dob: { type: ["null", "string"] },
      email: { type: "string", description: "words differ" },
    },
    required: ["id", "phone", "email"],
  };
  const ours = {
    type: "object",
    properties: {
      id: { type: "string", pattern: "x" },
      phone: { type: "string" },
      dob: { anyOf: [{ type: "string" }, { type: "null" }] },
      email: { type: "string" },
      post_code: { type: "string" },
    },
    required: ["id", "phone", "post_code"],
    additionalProperties: false,
  };
  assert.deepEqual(schemaDifferences(theirs, ours), [
    "id: other rules by ours (format, pattern)",
    "phone: required number there, required string by ours",
    "fax: optional string there, not in ours",
    "email: required string there, optional string by ours",
    "post_code: not there, required string by ours",
    "other fields: allowed there, refused by ours",
  ]);
  assert.deepEqual(schemaDifferences(schema, schema), []);
});

Deno.test("a registry that is no such thing, refuses, or is away is told apart, without its password", async () => {
  const latest = "GET /subjects/users_created-value/versions/latest";
  const cases: [answer: Answer, code: string, message: RegExp, hint: RegExp][] = [
    [
      [404, "<html>"],
      "registry-refused",
      /answers with a web page \(404\): it is no schema reg/,
      /root of Confluent's API/,
    ],
    [[200, "\n<!DOCTYPE html>"], "registry-refused", /answers with a web page \(200\)/, /no login page is before it/],
    [[404, "404 page not found"], "registry-refused", /answers with no JSON \(404\)/, /root of Confluent's API/],
    [[404, { message: "no path" }], "registry-refused", /answers with 404: no path$/, /root of Confluent's API/],
    [
      [200, { hello: "you" }],
      "registry-refused",
      /JSON that is not of a registry's API \(200\)/,
      /root of Confluent's API/,
    ],
    [[200, "null"], "registry-refused", /answers with no JSON \(200\)/, /root of Confluent's API/],
    [[200, "x".repeat(17 * 1024 ** 2)], "registry-refused", /more than 16 MiB$/, /root of Confluent's API/],
    [
      [302, "", "/sso?state=x"],
      "registry-refused",
      /sends on to "http:\/\/127.0.0.1:\d+\/sso" \(302\), which/,
      /login page/,
    ],
    [[301, ""], "registry-refused", /sends on elsewhere \(301\), which is not followed/, /name its root/],
    [[401, {}], "not-authorised", /refuses the user "me" \(401\)$/, /SCHEMA_REGISTRY_PASSWORD/],
    [[403, {}], "not-authorised", /refuses the user "me" \(403\)$/, /the right to/],
    [[429, "<html>"], "registry-unreachable", /answers with 429$/, /later/],
    [[503, { message: "Busy." }], "registry-unreachable", /answers with 503: Busy$/, /later/],
    [[422, { message: "odd" }], "registry-refused", /answers with 422: odd$/, /rules/],
  ];
  for (const [answer, code, message, hint] of cases) {
    await withServer({ [latest]: answer }, async ({ registry, asked }) => {
      const error = await thrown(registry.reach());
      assert.equal(error.code, code);
      assert.equal(error.exit, code === "registry-unreachable" ? 3 : 2, "what waiting may cure is out of reach");
      assert.match(error.message, message);
      assert.match(error.hint, hint);
      assert.ok(!JSON.stringify(error.toPlain()).includes("hunter2") && !registry.name.includes("me"), error.message);
      assert.equal(asked[0]!.authorization, `Basic ${btoa("me:hunter2")}`);
    }, { credentials: "me:hunter2@" });
  }
  const spare = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = spare.addr;
  spare.close();
  const gone = openConfluent({ url: `http://me:hunter2@127.0.0.1:${port}/x`, ...SUBJECT });
  const error = await thrown(gone.reach());
  assert.equal(error.code, "registry-unreachable");
  assert.equal(error.message, `Cannot reach the schema registry at "http://127.0.0.1:${port}/x": connection refused`);
  assert.ok(!JSON.stringify(error.toPlain()).includes("hunter2"));
});

Deno.test("user and password that are named win over those of the address", async () => {
  const latest = "GET /subjects/users_created-value/versions/latest";
  await withServer({ [latest]: OURS }, async ({ registry, asked }) => {
    await registry.reach();
    assert.equal(asked[0]!.authorization, `Basic ${btoa("you:other")}`);
  }, { credentials: "me:hunter2@", user: "you", password: "other" });
});

Deno.test("doctor hears what is registered, and what is not", async () => {
  const [latest, ours] = ["GET /subjects/users_created-value/versions/latest", "POST /subjects/users_created-value"];
  const compatible = "POST /compatibility/subjects/users_created-value/versions/latest";
  const other = { ...schema, properties: { ...schema.properties as object, fax: { type: "string" } } };
  const newer = [200, { id: 4, version: 3, schema: JSON.stringify(other), schemaType: "JSON" }] as const;
  const cases: [Answers, state: Finding["state"], detail: RegExp][] = [
    [{ [latest]: OURS, [ours]: OURS }, "ok", /^version 2, id 3, the latest$/],
    [
      { [latest]: newer, [ours]: OURS },
      "warn",
      /not the latest .* version 3: fax: optional string there, not in ours$/,
    ],
    [{ [latest]: NO_SUBJECT, [ours]: NO_SUBJECT }, "fail", /is not registered under "users_created-value"/],
    [
      { [latest]: newer, [ours]: [404, { error_code: 40403 }], [compatible]: [200, { is_compatible: false }] },
      "fail",
      /not compatible .*\n {2}fax: optional string there, not in ours$/,
    ],
    [
      { [latest]: newer, [ours]: [404, { error_code: 40403 }], [compatible]: [200, { is_compatible: true }] },
      "fail",
      /is not registered/,
    ],
  ];
  const avro = [200, { id: 4, version: 3, schema: "{}" }] as const;
  cases.push(
    [{ [latest]: avro, [ours]: OURS }, "warn", /not the latest .* version 3: that is one of AVRO$/],
    [
      { [latest]: avro, [ours]: [404, { error_code: 40403 }] },
      "fail",
      /^"users_created-value" in .* holds a schema of another kind, AVRO \(version 3\): ours is a JSON Schema/,
    ],
  );
  for (const [answers, state, detail] of cases) {
    await withServer(answers, async ({ registry }) => {
      const findings = await Array.fromAsync(registry.diagnose());
      assert.deepEqual(findings.map(({ what }) => what), ["connection", 'schema "users_created-value"']);
      assert.equal(findings[1]!.state, state);
      assert.match(findings[1]!.detail, detail);
    });
  }
});

Deno.test("an id is asked for once, one that is unknown each time, and a schema of another language is not read", async () => {
  const ids = "GET /schemas/ids/";
  await withServer({
    [`${ids}1`]: [200, { schema: "{}", schemaType: "JSON" }],
    [`${ids}2`]: [200, { schema: "{}" }],
    [`${ids}3`]: [404, { error_code: 40403 }],
  }, async ({ registry, asked }) => {
    const schemas = new Schemas(registry);
    const never = new AbortController().signal;
    const values = [1, 1, 2, 1, 3, 3].map((id) => ({ value: prefixOf(id) }));
    const others = [{ value: null }, { value: new TextEncoder().encode("{}") }];
    for (let n = 0; n < 2; n++) {
      assert.deepEqual([...(await schemas.refused([...others, ...values], never))!].sort(), [
        [2, "it is of the schema 2, which is one of AVRO, not of JSON"],
        [3, "the schema registry has no schema of the id 3"],
      ]);
    }
    assert.equal(await schemas.refused([...others, values[0]!], never), undefined);
    assert.deepEqual(asked.map(({ request }) => request.slice(ids.length)).sort(), ["1", "2", "2", "3", "3"]);
  });
});

Deno.test("init says that a subject was changed unseen, where the registry certainly compares nothing", async () => {
  const subject = "/subjects/users_created-value";
  const none = [200, { compatibilityLevel: "NONE" }] as const;
  const answers: Answers = {
    [`POST ${subject}`]: [404, { error_code: 40403 }],
    [`GET ${subject}/versions/latest`]: OURS,
    [`POST /compatibility${subject}/versions/latest`]: [200, { is_compatible: true }],
    [`POST ${subject}/versions`]: [200, { id: 4 }],
    "GET /config/users_created-value": none,
    "GET /config": none,
  };
  await withServer(answers, async ({ registry }) => {
    const detail = async () => (await registry.init({ dryRun: false })).detail;
    const unheld = "id 4, unlike version 2: the registry's compatibility is NONE, so that nothing was compared";
    assert.equal(await detail(), unheld);
    for (const other of [[200, { compatibilityLevel: "BACKWARD" }], [403, {}]] as const) {
      answers["GET /config"] = other;
      assert.equal(await detail(), "id 4");
    }
  });
});

Deno.test("an id that is not known yet is waited for while the registry is away, until that is given up", async () => {
  const answers: Answers = {};
  await withServer(answers, async ({ registry, asked }) => {
    const schemas = new Schemas(registry);
    const given = new AbortController();
    const waiting = schemas.refused([{ value: prefixOf(9) }], given.signal);
    const until = async (holds: () => boolean) => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await until(() => asked.length >= 2);
    assert.equal(schemas.outage.current?.code, "registry-unreachable");
    answers["GET /schemas/ids/9"] = [200, { schemaType: "JSON" }];
    assert.equal(await waiting, undefined);
    assert.equal(schemas.outage.current, undefined);
    const again = schemas.refused([{ value: prefixOf(10) }], given.signal);
    await until(() => schemas.outage.current !== undefined);
    given.abort();
    assert.equal((await thrown(again)).code, "registry-unreachable");
  });
});

Deno.test("the password comes from its file or from the environment, and a file that cannot be read is named", async () => {
  const latest = "GET /subjects/users_created-value/versions/latest";
  const names = ["schemaRegistryUrl", "schemaRegistryUsername", "schemaRegistryPasswordFile"] as const;
  await withServer({ [latest]: OURS }, ({ url, asked }) =>
    withFolder(async (folder) => {
      const path = join(folder, "password");
      await Deno.writeTextFile(path, "from a file\n");
      const given: Record<string, string> = { SCHEMA_REGISTRY_URL: url, SCHEMA_REGISTRY_USERNAME: "me" };
      const opened = (file?: string) =>
        openRegistry(resolveSettings(names, { schemaRegistryPasswordFile: file }, (name) => given[name]));
      await (await opened(path))!.reach();
      assert.equal(asked[0]!.authorization, `Basic ${btoa("me:from a file")}`);
      const error = await thrown(opened(join(folder, "other")));
      assert.equal(error.code, "settings");
      assert.match(error.message, /Cannot read the password of the schema registry in ".*other"/);
    }));
  const flag = { schemaRegistryUrl: "http://me:hunter2@localhost" };
  assert.throws(() => resolveSettings(names, flag, () => undefined), (error: UserpipeError) => {
    assert.match(error.message, /^--schema-registry-url: a password on the command line can be seen/);
    return !error.message.includes("hunter2");
  });
});
