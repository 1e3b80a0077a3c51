/** The way through a real schema registry: registered, refused, carried with its id, read by others and from others. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Message } from "../src/broker/broker.ts";
import type { Pipeline } from "../src/pipeline.ts";
import { users as created } from "../src/pipelines.ts";
import { payloadOf, prefixOf, schemaIdOf } from "../src/wire_format.ts";
import { pythonWithConfluent } from "../tools/services/python.ts";
import { AUTHORITY, SERVER, writeFiles } from "./support/certificates.ts";
import { withFolder } from "./support/cli.ts";
import { examine, names, NO_SOURCE } from "./support/doctor.ts";
import { kafkaEnds } from "./support/ends.ts";
import { cannotStart, type OwnRegistry, ownRegistry } from "./support/own_services.ts";
import { eventsOf } from "./support/poison.ts";
import { idsOf, Rig } from "./support/rig.ts";
import { requireServices, services, uniqueName } from "./support/services.ts";
import { tcpProxy } from "./support/tcp_proxy.ts";

const missing = await cannotStart();
const inCi = Deno.env.get("CI") === "true";
const ignore = missing !== undefined && !inCi;
const withoutKafka = "missing" in await services() && !inCi;

const encoder = new TextEncoder();
const users: Pipeline = created;
const schema = users.jsonSchema!();

/** Registers a schema, or sets a level, as whoever runs the registry would. */
async function put(url: string, method: "POST" | "PUT", path: string, body: unknown): Promise<{ id: number }> {
  const headers = { "content-type": "application/vnd.schemaregistry.v1+json" };
  const response = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text);
}

function register(url: string, subject: string, schema: unknown): Promise<{ id: number }> {
  return put(url, "POST", `/subjects/${subject}/versions`, { schemaType: "JSON", schema: JSON.stringify(schema) });
}

/** An event of userpipe's own behind the prefix of a schema. */
function framed(id: number, event: { id: string }): Message {
  const json = encoder.encode(JSON.stringify(event));
  const value = new Uint8Array([...prefixOf(id), ...json]);
  return { key: encoder.encode(event.id), value, headers: {}, timestamp: Date.now() };
}

/** A topic of its own on the embedded ends. */
async function withRig(registry: OwnRegistry | { url: string }, work: (rig: Rig, topic: string) => Promise<void>) {
  const topic = uniqueName("users");
  await withFolder((cwd) => work(new Rig(cwd, { SCHEMA_REGISTRY_URL: registry.url, KAFKA_TOPIC: topic }), topic));
}

/** The same registry by https, with a certificate of an authority that must be named. */
function securely({ url }: OwnRegistry): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {}, ...SERVER }, async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "POST" ? await request.text() : undefined;
    return await fetch(`${new URL(url).origin}${pathname}${search}`, {
      method: request.method,
      headers: request.headers,
      body,
    });
  });
}

async function wholeWay(registry: OwnRegistry): Promise<void> {
  await using server = securely(registry);
  const secure = { url: `https://localhost:${server.addr.port}${new URL(registry.url).pathname}` };
  await withRig(secure, async (plain, topic) => {
    // Both are read by the thread of the stream too. The password is needed by nobody here.
    const files = await writeFiles(plain.cwd, { password: "secret", authority: AUTHORITY });
    const rig = plain.with({
      ...{ SCHEMA_REGISTRY_USERNAME: "me", SCHEMA_REGISTRY_PASSWORD_FILE: files.password! },
      SCHEMA_REGISTRY_CA_FILE: files.authority!,
    });
    const untrusted = await plain.run("init");
    assert.equal(untrusted.code, 3, untrusted.stderr);
    assert.match(untrusted.stderr, /signed by no authority that is trusted here\n.*--schema-registry-ca-file/);
    const odd = await plain.with({ SCHEMA_REGISTRY_CA_FILE: files.password! }).run("init");
    assert.equal(odd.code, 2, odd.stderr);
    assert.match(odd.stderr, /The file of the authorities of the schema registry, ".*", holds no certificate in PEM/);
    const subject = `schema "${topic}-value"`;
    const early = await rig.run("ingest", "--generate", "1");
    assert.equal(early.code, 2, early.stderr);
    const dry = await rig.run("init", "--dry-run");
    assert.match(dry.stdout, new RegExp(`^POST /subjects/${topic}-value/versions .*CreatedUser`));
    const unregistered = await examine(NO_SOURCE, rig.options);
    assert.match(unregistered.find(({ check }) => check === subject)!.detail, /is not registered/);

    const made = await rig.run("init");
    assert.match(made.stdout, new RegExp(`^made      ${subject}: id \\d+\n`));
    const again = await rig.run("init");
    assert.match(again.stdout, new RegExp(`^is there  ${subject}: version 1, id \\d+\n`));
    await rig.ingest("s", 200);
    await rig.drain();
    await rig.complete(idsOf(200, "s"));

    const [id] = /\d+$/.exec(made.stdout.split("\n")[0]!)!;
    const peeked = await rig.run("peek", "--max", "3", "--format", "ndjson");
    const messages = peeked.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(messages.map(({ schema_id }) => schema_id), [Number(id), Number(id), Number(id)]);
    for (const { key, value } of messages) assert.equal(value.id, key);

    const found = await examine(NO_SOURCE, rig.options);
    assert.deepEqual(
      found.filter(({ component }) => component === "registry").map(({ state, detail }) => [state, detail]),
      [
        ["ok", `the schema registry at "${secure.url}" answers`],
        ["ok", `version 1, id ${id}, the latest`],
      ],
    );
    const { health } = JSON.parse((await rig.run("status", "--format", "json")).stdout);
    assert.deepEqual(health.registry, { detail: `${subject} is version 1, id ${id}` });
  });
}

async function refusedByInit(registry: OwnRegistry): Promise<void> {
  await withRig(registry, async (rig, topic) => {
    const { properties, required } = schema as { properties: Record<string, unknown>; required: string[] };
    const theirs = { ...properties, phone: { type: "number" }, fax: { type: "string" } };
    const names = required.filter((name) => name !== "email");
    await put(registry.url, "PUT", "/config", { compatibility: "BACKWARD" });
    await register(registry.url, `${topic}-value`, { ...schema, properties: theirs, required: names });
    const { code, stdout, stderr } = await rig.run("init");
    assert.equal(code, 2, stderr);
    assert.equal(stdout, "");
    for (
      const line of [
        "phone: required number there, required string by ours",
        "fax: optional string there, not in ours",
        "email: optional string there, required string by ours",
        "the registry says: ",
      ]
    ) assert.ok(stderr.includes(`  ${line}`), stderr);
    // Nothing was made.
    const peek = await rig.run("peek");
    assert.equal(peek.code, 2, peek.stderr);
    const found = await examine(NO_SOURCE, rig.options);
    const { state, detail } = found.find(({ check }) => check === `schema "${topic}-value"`)!;
    assert.equal(state, "fail");
    assert.match(detail, /phone: required number there/);
  });
}

/** At any level: the registry itself would compare nothing, or not know how. */
async function ofAnotherKind(registry: OwnRegistry): Promise<void> {
  await withRig(registry, async (rig, topic) => {
    const subject = `/subjects/${topic}-value/versions`;
    const avro = { type: "record", name: "User", fields: [{ name: "id", type: "string" }] };
    await put(registry.url, "POST", subject, { schemaType: "AVRO", schema: JSON.stringify(avro) });
    for (const compatibility of ["FULL", "NONE"]) {
      await put(registry.url, "PUT", "/config", { compatibility });
      const { code, stdout, stderr } = await rig.run("init");
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, /holds a schema of another kind, AVRO \(version 1\).*\n.*delete the subject/);
    }
    const found = await examine(NO_SOURCE, rig.options);
    names(found, { state: "fail", detail: /a schema of another kind, AVRO/, hint: /another topic/ });
  });
}

async function unknownId(registry: OwnRegistry): Promise<void> {
  await withRig(registry, async (rig) => {
    await rig.init(1);
    const [good, bad, plain] = eventsOf("s", 3);
    const { id } = await register(registry.url, uniqueName("other"), { ...schema, title: "Other" });
    await rig.publish([
      framed(id, good!),
      framed(987_654, bad!),
      { ...framed(id, plain!), value: encoder.encode(JSON.stringify(plain)) },
    ]);
    await rig.drain();
    const reason = "the schema registry has no schema of the id 987654";
    await rig.complete(new Set([good!.id, plain!.id]), 1);
    const { letters: [letter] } = await rig.letters();
    assert.equal(letter!.reason, reason);
    assert.equal(schemaIdOf(letter!.value!), 987_654);
    const shown = JSON.parse((await rig.run("dlq", "show", "0", "--format", "json")).stdout);
    assert.deepEqual(shown[0].value, bad);

    const replayed = await rig.run("dlq", "replay");
    assert.equal(replayed.code, 1);
    assert.ok(replayed.stdout.includes(reason), replayed.stdout);
    // Without a registry an id cannot be looked up, and is taken.
    const without = await rig.with({ SCHEMA_REGISTRY_URL: "" }).run("dlq", "replay");
    assert.equal(without.code, 0, without.stderr);
    await rig.complete(new Set([good!.id, plain!.id, bad!.id]));
  });
}

async function awayAndBack(registry: OwnRegistry): Promise<void> {
  await using proxy = tcpProxy(Number(new URL(registry.url).port));
  const url = registry.url.replace(/:\d+\//, `:${proxy.port}/`);
  await withRig({ url }, async (rig) => {
    await rig.init(1);
    const { id } = await register(registry.url, uniqueName("other"), { ...schema, title: "Another" });
    const events = eventsOf("s", 3);
    await using stream = rig.start("stream");
    await rig.publish([{ ...framed(id, events[0]!), value: encoder.encode(JSON.stringify(events[0])) }]);
    await rig.rows(1, stream);
    proxy.refuse();
    await rig.publish([framed(id, events[1]!), framed(id, events[2]!)]);
    await stream.printed("Waiting for the schema registry");
    // I1: what is held is not passed.
    assert.ok(await rig.committed() <= 1);
    const ingest = await rig.run("ingest", "--generate", "1");
    assert.equal(ingest.code, 3, ingest.stderr);
    proxy.allow();
    await rig.rows(3, stream);
    await stream.printed(/the schema registry at .* is back/);
    stream.signal("SIGTERM");
    assert.equal(await stream.ended, 0, stream.output);
    await rig.complete(new Set(events.map(({ id }) => id)));
  });
}

async function awayAtTheStart(registry: OwnRegistry): Promise<void> {
  await using proxy = tcpProxy(Number(new URL(registry.url).port));
  const url = registry.url.replace(/:\d+\//, `:${proxy.port}/`);
  await withRig({ url }, async (rig) => {
    proxy.refuse();
    await using up = rig.start("up", "--generate", "20", "--seed", "s", "--every", "1d", "--no-dashboard");
    await up.printed("Waiting for the schema registry");
    proxy.allow();
    await rig.rows(20, up);
    up.signal("SIGTERM");
    assert.equal(await up.ended, 0, up.output);
    await rig.complete(idsOf(20, "s"));
  });
}

async function withOthers(registry: OwnRegistry): Promise<void> {
  const { brokers } = requireServices();
  const python = await pythonWithConfluent(console.log);
  await withFolder(async (cwd) => {
    const rig = new Rig(cwd, { ...kafkaEnds(brokers), SCHEMA_REGISTRY_URL: registry.url });
    const script = join(import.meta.dirname!, "support", "registry_client.py");
    const other = async (mode: "write" | "read", count: number, lines = "") => {
      const args = [script, mode, brokers, rig.env.KAFKA_TOPIC!, registry.url, String(count)];
      const child = new Deno.Command(python, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
      const writer = child.stdin.getWriter();
      await writer.write(encoder.encode(lines));
      await writer.close();
      const { code, stdout, stderr } = await child.output();
      assert.equal(code, 0, new TextDecoder().decode(stderr));
      return new TextDecoder().decode(stdout);
    };
    await rig.init();
    await rig.ingest("ours", 50);
    const events = eventsOf("theirs", 50);
    await other("write", 50, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
    await rig.drain();
    await rig.complete(new Set([...idsOf(50, "ours"), ...events.map(({ id }) => id)]));

    const read = (await other("read", 100)).trim().split("\n").map((line) => JSON.parse(line));
    const byId = new Map(read.map((event) => [event.id, event]));
    await rig.broker(async (broker, topic) => {
      for (const { partition, start } of await broker.partitions(topic)) {
        const { messages } = await broker.read(topic, partition, start, { maxBytes: 1024 * 1024, maxWaitMs: 1_000 });
        for (const { value } of messages) {
          const event = users.decode(payloadOf(value!));
          assert.ok(event.ok);
          assert.deepEqual(byId.get(users.key(event.value)), event.value);
          byId.delete(users.key(event.value));
        }
      }
    });
    assert.equal(byId.size, 0);
  });
}

Deno.test({
  name: `a schema registry${ignore ? ` (skipped: ${missing})` : ""}`,
  ignore,
  fn: (context) =>
    withFolder(async (folder) => {
      await using registry = await ownRegistry(folder);
      const steps: [string, (registry: OwnRegistry) => Promise<void>, ignore?: boolean][] = [
        ["has the schema by init, and its id goes with each value", wholeWay],
        ["that another schema is in: init says field by field what does not fit, and makes nothing", refusedByInit],
        ["that has one of Avro: init says so, and makes nothing", ofAnotherKind],
        ["that does not know an id: the record is a dead letter, and is read once it may be", unknownId],
        ["that is away holds what it has to be asked for, and nothing is lost", awayAndBack],
        ["that is away when up starts is waited for, and no run fails", awayAtTheStart],
        ["is shared with Confluent's client: each reads what the other writes", withOthers, withoutKafka],
      ];
      for (const [name, fn, ignore] of steps) {
        assert.ok(await context.step({ name, ignore, fn: () => fn(registry) }) || ignore, name);
      }
    }),
});
