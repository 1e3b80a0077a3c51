/** How `doctor` looks at components: side by side where it may, within limits, each difference in its line. */
import assert from "node:assert/strict";
import type { Finding } from "../src/errors.ts";
import { clockFinding, diagnose } from "../src/query/doctor.ts";
import { until, userpipe, withFolder } from "./support/cli.ts";
import { NO_SOURCE } from "./support/doctor.ts";
import { muteServer } from "./support/raw_server.ts";

Deno.test("a component that hangs or breaks is a finding, and the others are looked at all the same", async () => {
  const ok: Finding = { what: "w", state: "ok", detail: "d" };
  let wake = () => {};
  let closed = false;
  const components = [
    {
      name: "broken",
      remote: true,
      async *look(): AsyncGenerator<Finding> {
        yield await Promise.reject(new Error("a defect"));
      },
    },
    {
      name: "hanging",
      remote: true,
      async *look(): AsyncGenerator<Finding> {
        try {
          yield ok;
          await new Promise<void>((resolve) => wake = resolve);
        } finally {
          closed = true;
        }
      },
    },
    {
      name: "last",
      remote: false,
      async *look(): AsyncGenerator<Finding> {
        yield { ...ok, clock: { of: "x", aheadMs: 0, uncertainMs: 100 } };
      },
    },
  ];
  const waited: string[] = [];
  const waits = (names: readonly string[]) => void waited.push(names.join());
  const { signal: stop } = new AbortController();
  const found = await Array.fromAsync(diagnose(components, { limitMs: 100, stop, waits }));
  assert.deepEqual(waited, ["broken,hanging", "hanging", "", "last"]);
  assert.deepEqual(found.map(({ component, what, state }) => `${component} ${what} ${state}`), [
    "broken doctor fail",
    "hanging w ok",
    "hanging time fail",
    "last w ok",
    "last clock ok",
  ]);
  wake();
  await until(() => closed, 30_000, () => "what hung was not closed when it answered at last");
});

Deno.test("what is across a network is looked at side by side, and files when all of that is done", async () => {
  const events: string[] = [];
  const begun = Promise.withResolvers<void>();
  const component = (name: string, remote: boolean, work: () => Promise<void> | void) => ({
    name,
    remote,
    async *look(): AsyncGenerator<Finding> {
      events.push(`${name} begins`);
      await work();
      events.push(`${name} ends`);
      yield { what: "w", state: "ok", detail: "d" };
    },
  });
  const components = [
    component("first", true, () => begun.promise),
    component("file", false, () => {}),
    component("second", true, () => begun.resolve()),
  ];
  const { signal: stop } = new AbortController();
  const found = await Array.fromAsync(diagnose(components, { limitMs: 60_000, stop, waits: () => {} }));
  assert.deepEqual(found.map(({ component }) => component), ["first", "file", "second"]);
  assert.deepEqual(events.slice(0, 2), ["first begins", "second begins"]);
  assert.deepEqual(events.slice(4), ["file begins", "file ends"]);
});

Deno.test("doctor names ends that take connections and never answer in TLS, and a difference of schemas stands in line", async () => {
  await using mute = muteServer();
  const schema = { type: "object", properties: { phone: { type: "number" } } };
  await using registry = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    if (/compatibility/.test(url)) return Response.json({ is_compatible: false });
    if (/latest$/.test(url)) {
      return Response.json({ id: 1, version: 1, schema: JSON.stringify(schema), schemaType: "JSON" });
    }
    return Response.json({ error_code: 40403 }, { status: 404 });
  });
  const ends = ["--brokers", mute.at, "--kafka-tls", "--contact-points", mute.at, "--cassandra-tls"];
  await withFolder(async (cwd) => {
    const registered = ["--schema-registry-url", `http://127.0.0.1:${registry.addr.port}`];
    const { stdout } = await userpipe(["doctor", ...NO_SOURCE, ...ends, ...registered], { cwd });
    const silent = "it takes connections and answers nothing in TLS";
    const indent = " ".repeat(19);
    assert.ok(
      stdout.includes(`fail  broker       Cannot reach Kafka at "${mute.at}": ${silent}\n${indent}Look whether it`),
    );
    assert.ok(stdout.includes(`fail  store        Cannot reach Cassandra at "${mute.at}": ${silent}\n`), stdout);
    assert.ok(stdout.includes(`\n${indent}  phone: optional number there, required string by ours\n`), stdout);
  });
});

Deno.test("a difference of clocks counts only beyond what the measurement cannot know", () => {
  const state = (aheadMs: number, uncertainMs: number) => clockFinding({ of: "x", aheadMs, uncertainMs }).state;
  assert.deepEqual([state(5_400, 500), state(-5_400, 500), state(5_600, 500), state(-5_600, 500)], [
    ...["ok", "ok", "warn", "warn"],
  ]);
  assert.deepEqual([state(86_400_000, 500), state(86_401_000, 500), state(-90_000_000, 500)], ["warn", "fail", "fail"]);
  assert.match(clockFinding({ of: "x", aheadMs: -90_000_000, uncertainMs: 0 }).detail, /behind.*dead letter here/);
});
