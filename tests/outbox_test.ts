/** The outbox: nothing is lost while the broker is away, the order is kept, and it is emptied when that is back. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { collectLog, configureLog } from "../src/log.ts";
import { start, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { kafkaEnds } from "./support/ends.ts";
import { numbered, text, upTo, values, withOutbox } from "./support/outbox.ts";
import { serviceTest } from "./support/services.ts";

Deno.test("a broker that is here gets what is published, and the outbox stays empty", () =>
  withOutbox(async ({ outbox, broker }) => {
    broker.away = false;
    assert.equal(await outbox.publish("t", numbered(0, 3)), "broker");
    assert.deepEqual(values(broker), [0, 1, 2]);
    assert.equal((await outbox.waiting()).messages, 0);
  }));

Deno.test("what keeps records from the broker is said once, with what to do, and not that waiting cures it", () =>
  withOutbox(async ({ outbox }) => {
    const said: string[] = [];
    await configureLog({ level: "debug", format: "json", colour: false });
    await collectLog((_, text) => said.push(text), async () => {
      for (let n = 0; n < 3; n++) await outbox.publish("t", numbered(n, n + 1));
    });
    assert.deepEqual(said, ["Cannot reach it. Start it. Records are kept in the outbox until it takes them"]);
  }));

Deno.test("entries that are damaged on the disk are one dead letter, and those around them are forwarded", () =>
  withOutbox(async ({ outbox, broker, path }) => {
    for (const first of [0, 10, 20]) await outbox.publish("t", numbered(first, first + 10));
    const db = new DatabaseSync(path);
    db.exec("UPDATE chunks SET data = substr(data, 1, length(data) - 3) WHERE base = 10");
    db.close();
    broker.away = false;
    assert.deepEqual(await outbox.forward({ now: true }), { forwarded: 20, refused: 1, left: 0, busy: false });
    const [letter] = broker.published.filter(({ topic }) => topic === "t.dlq");
    assert.equal(text(letter!.message.key), "source/outbox-t/10");
    assert.match(text(letter!.message.headers["userpipe-reason"]!)!, /^the messages of the offsets 10 to 19 cannot be/);
    assert.deepEqual(values({ ...broker, published: broker.published.filter(({ topic }) => topic === "t") }), [
      ...upTo(10),
      ...upTo(10).map((n) => 20 + n),
    ]);
  }));

Deno.test("while the broker is away records wait, and later ones behind them, also over a restart", () =>
  withOutbox(async ({ outbox, broker, another }) => {
    assert.equal(await outbox.publish("t", numbered(0, 3)), "outbox");
    broker.away = false;
    // It failed a moment ago and is not tried again at once: what is published now goes behind what waits.
    assert.equal(await outbox.publish("t", numbered(3, 5)), "outbox");
    assert.equal((await outbox.waiting()).messages, 5);
    const restarted = another();
    assert.equal(await restarted.publish("t", numbered(5, 6)), "broker");
    assert.deepEqual(values(broker), upTo(6));
    assert.deepEqual(await restarted.waiting(), { messages: 0, bytes: 0, oldest: null, topics: [] });
  }));

Deno.test("entries go to their topics as they were: key, value, headers and time", () =>
  withOutbox(async ({ outbox, broker }) => {
    const [message] = numbered(7, 8);
    await outbox.publish("t", [{ ...message!, key: null, value: null }]);
    await outbox.publish("t.dlq", [message!]);
    broker.away = false;
    assert.deepEqual(await outbox.forward({ now: true }), { forwarded: 2, refused: 0, left: 0, busy: false });
    assert.deepEqual(broker.published.map(({ topic }) => topic), ["t", "t.dlq"]);
    assert.deepEqual(broker.published[0]!.message, { ...message!, key: null, value: null });
    assert.deepEqual(Object.keys(broker.published[1]!.message.headers), ["h"]);
  }));

Deno.test("a broker that goes away again in the middle leaves the rest in order, nothing missing", () =>
  withOutbox(async ({ outbox, broker }) => {
    for (let n = 0; n < 80; n++) await outbox.publish("t", numbered(n * 1_000, (n + 1) * 1_000));
    broker.away = false;
    const publish = broker.publish;
    let calls = 0;
    broker.publish = async (topic, messages) => {
      if (++calls === 2) broker.away = true;
      await publish(topic, messages);
    };
    const first = await outbox.forward({ now: true });
    assert.equal(first.error?.code, "broker-unreachable");
    assert.ok(first.left > 0 && first.forwarded > 0 && first.left + first.forwarded === 80_000);
    broker.away = false;
    assert.equal((await outbox.forward({ now: true })).left, 0);
    assert.deepEqual(values(broker), upTo(80_000));
  }));

Deno.test("I3: an entry that its topic does not take becomes a dead letter, and the next goes on", () =>
  withOutbox(async ({ outbox, broker }) => {
    await outbox.publish("t", numbered(0, 10));
    broker.away = false;
    broker.refuses = ({ timestamp }) => timestamp === 4;
    assert.deepEqual(await outbox.forward({ now: true }), { forwarded: 9, refused: 1, left: 0, busy: false });
    const [letter] = broker.published.filter(({ topic }) => topic === "t.dlq");
    assert.equal(text(letter!.message.value), "4");
    assert.equal(text(letter!.message.headers["userpipe-reason"]!), "too large");
  }));

Deno.test("one forwarder at a time, over processes", () =>
  withOutbox(async ({ outbox, broker, another, spool }) => {
    await outbox.publish("t", numbered(0, 10));
    broker.away = false;
    {
      using _held = spool.tryLock();
      assert.deepEqual(await another().forward({ now: true }), { forwarded: 0, refused: 0, left: 10, busy: true });
      assert.equal(await another().publish("t", numbered(10, 11)), "outbox");
    }
    assert.equal((await another().forward({ now: true })).left, 0);
    assert.deepEqual(values(broker), upTo(11));
  }));

Deno.test("at its limit it takes no more and says so, and what it has is kept", () =>
  withOutbox(async ({ outbox, broker }) => {
    await outbox.publish("t", numbered(0, 1_000));
    const { bytes } = await outbox.waiting();
    assert.ok(bytes > 1024);
    const message = `The outbox holds ${bytes} bytes, its limit is 1024, and it takes no more`;
    await assert.rejects(outbox.publish("t", numbered(1_000, 1_001)), { code: "outbox-full", message });
    broker.away = false;
    assert.equal((await outbox.forward({ now: true })).forwarded, 1_000);
  }, 1024));

serviceTest(
  "a run that Kafka is away from ends in the outbox, and outbox flush or the next run delivers it",
  ({ brokers }) =>
    withFolder(async (cwd) => {
      const env = kafkaEnds(brokers);
      const away = { cwd, env: { ...env, KAFKA_BROKERS: "127.0.0.1:1" } };
      const here = { cwd, env };
      await succeeds(["init"], here);
      const kept = await userpipe(["ingest", "--generate", "2500"], away);
      assert.equal(kept.code, 0, kept.stderr);
      assert.match(kept.stdout, /^to outbox fetched 2,500, published 0, in the outbox 2,500, refused 0/);
      assert.match(kept.stderr, /Not delivered yet/);
      assert.equal(JSON.parse(await succeeds(["outbox"], away)).records, 2_500);
      assert.equal((await userpipe(["outbox", "flush"], away)).code, 3);
      const states = async () =>
        (await succeeds(["runs"], { cwd })).trimEnd().split("\n").map((line) => JSON.parse(line).state);
      assert.deepEqual(await states(), ["to outbox"]);
      assert.match(await succeeds(["outbox", "flush"], here), /forwarded 2,500, refused 0, left 0/);
      assert.deepEqual(await states(), ["delivered"]);
      await succeeds(["ingest", "--generate", "100"], away);
      assert.match(await succeeds(["ingest", "--generate", "100"], here), /^delivered fetched 100, published 100/);
      assert.deepEqual(await states(), ["delivered", "delivered", "delivered"]);
      assert.match(await succeeds(["stream", "--until-caught-up"], here), /wrote 2,700 rows, refused 0/);
      const [message] = (await succeeds(["peek", "--from-beginning", "--max", "1"], here)).split("\n").map((line) =>
        line && JSON.parse(line)
      );
      assert.equal(message.headers["userpipe-to"], undefined);
    }),
);

serviceTest("a schedule forwards by itself once Kafka is back", ({ brokers }) =>
  withFolder(async (cwd) => {
    const env = kafkaEnds(brokers);
    await succeeds(["init"], { cwd, env });
    await succeeds(["ingest", "--generate", "50"], { cwd, env: { ...env, KAFKA_BROKERS: "127.0.0.1:1" } });
    await using schedule = start(["ingest", "--cron", "0 0 1 1 *", "--generate", "1"], { cwd, env });
    await schedule.printed("Forwarded");
    schedule.signal("SIGTERM");
    assert.equal(await schedule.ended, 0);
    assert.equal(JSON.parse(await succeeds(["outbox"], { cwd, env })).records, 0);
  }));
