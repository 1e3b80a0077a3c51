/** The outbox with several topics: what waits for one that is missing holds up no other, and is said. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { UserpipeError } from "../src/errors.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { kafkaEnds } from "./support/ends.ts";
import { encoder, numbered, text, upTo, values, withOutbox } from "./support/outbox.ts";
import { serviceTest } from "./support/services.ts";

Deno.test("entries of a topic that is missing wait by themselves, and nothing is published again for them", () =>
  withOutbox(async ({ outbox, broker, another }) => {
    await outbox.publish("t", numbered(0, 5));
    await outbox.publish("gone", numbered(100, 105));
    await outbox.publish("t", numbered(5, 10));
    await outbox.publish("gone", numbered(105, 110));
    broker.away = false;
    broker.missing.add("gone");
    assert.equal((await outbox.forward({ now: true })).left, 10);
    for (let n = 0; n < 3; n++) {
      const left = { forwarded: 0, refused: 0, left: 10, busy: false };
      assert.deepEqual(await another().forward({ now: true }), left);
    }
    assert.deepEqual(values(broker), upTo(10));
    // What is published to another topic goes through; what goes to this one fails as it does without an outbox.
    assert.equal(await another().publish("t", numbered(10, 11)), "broker");
    await assert.rejects(another().publish("gone", numbered(110, 111)), { code: "topic-missing" });
    assert.deepEqual((await outbox.waiting()).topics, [{ topic: "gone", messages: 10 }]);
    broker.missing.clear();
    assert.equal(await another().publish("gone", numbered(110, 111)), "broker");
    assert.deepEqual(values(broker), [...upTo(11), ...upTo(11).map((n) => 100 + n)]);
  }));

Deno.test("what another process forwards, or holds, keeps no other topic from the broker", () =>
  withOutbox(async ({ outbox, broker, another, spool }) => {
    await outbox.publish("t", numbered(0, 10));
    broker.away = false;
    using _held = spool.tryLock();
    assert.equal(await another().publish("u", numbered(10, 11)), "broker");
    const behind = another();
    assert.equal(await behind.publish("t", numbered(11, 12)), "outbox");
    assert.equal(behind.busy, true);
  }));

Deno.test("a part of a step that the broker took is not published again where the next part fails", () =>
  withOutbox(async ({ outbox, broker }) => {
    await outbox.publish("t", numbered(0, 8));
    broker.away = false;
    broker.refuses = ({ timestamp }) => timestamp === 5;
    const { publish } = broker;
    let tried = 0;
    broker.publish = async (topic, messages) => {
      if (topic === "t.dlq" && tried++ < 3) {
        throw new UserpipeError("broker-unreachable", "Cannot reach it", "Start it");
      }
      await publish(topic, messages);
    };
    assert.equal((await outbox.forward({ now: true })).forwarded, 5);
    for (let n = 0; n < 2; n++) assert.equal((await outbox.forward({ now: true })).left, 3);
    assert.deepEqual(await outbox.forward({ now: true }), { forwarded: 2, refused: 1, left: 0, busy: false });
    assert.deepEqual(broker.published.map(({ topic, message }) => `${topic} ${text(message.value)}`), [
      ...upTo(5).map((n) => `t ${n}`),
      "t.dlq 5",
      ...[6, 7].map((n) => `t ${n}`),
    ]);
  }));

for (const topic of ["t", "outbox", "-outbox"]) {
  Deno.test(`an outbox of an earlier version, of one log, is forwarded in order: the topic "${topic}"`, () =>
    withOutbox(async ({ outbox, broker, another, spool }) => {
      const [one, retentionMs, retentionBytes] = [1, -1, -1];
      const spec = { name: "outbox", partitions: one, replication: one, retentionMs, retentionBytes };
      await spool.init([spec], { dryRun: false });
      const entriesOf = (to: string, from: number, end: number) =>
        numbered(from, end).map((each) => ({
          ...each,
          headers: { ...each.headers, "userpipe-to": encoder.encode(to) },
        }));
      await spool.publish("outbox", [...entriesOf(topic, 0, 3), ...entriesOf("gone", 100, 103)]);
      await spool.publish("outbox", entriesOf(topic, 3, 5));
      {
        using _held = spool.tryLock();
        assert.equal(await another().publish(topic, numbered(5, 6)), "outbox");
      }
      const found = await outbox.waiting();
      assert.deepEqual([found.messages, found.oldest], [9, 0]);
      assert.deepEqual(found.topics, [{ topic, messages: 6 }, { topic: "gone", messages: 3 }]);
      broker.away = false;
      broker.missing.add("gone");
      assert.equal(await another().publish(topic, numbered(6, 7)), "broker");
      assert.deepEqual(values(broker), upTo(7));
      assert.deepEqual(broker.published.map(({ message }) => Object.keys(message.headers)), upTo(7).map(() => ["h"]));
      assert.deepEqual((await outbox.waiting()).topics, [{ topic: "gone", messages: 3 }]);
    }));
}

Deno.test("what dies while it moves the log of an earlier version keeps second copies, and nothing is missing", () =>
  withOutbox(async ({ outbox, broker, another, spool }) => {
    await spool.init([{ name: "outbox", partitions: 1, replication: 1, retentionMs: -1, retentionBytes: -1 }], {
      dryRun: false,
    });
    const to = encoder.encode("t");
    await spool.publish("outbox", numbered(0, 3).map((each) => ({ ...each, headers: { "userpipe-to": to } })));
    broker.away = false;
    spool.trim = () => Promise.reject(new Error("killed"));
    await assert.rejects(outbox.forward({ now: true }), { message: "killed" });
    assert.equal((await another().forward({ now: true })).left, 0);
    assert.deepEqual(values(broker), [...upTo(3), ...upTo(3)]);
  }));

Deno.test("beside a process that forwards, outbox flush leaves records and ends with 1, and ingest says why they wait", () =>
  withFolder(async (cwd) => {
    const away = { cwd, env: { KAFKA_BROKERS: "127.0.0.1:1" } };
    await succeeds(["ingest", "--generate", "5"], away);
    const spool = openSqliteBroker({ path: join(cwd, "userpipe-data", "outbox.db") });
    try {
      using _held = spool.tryLock();
      const { code, stdout, stderr } = await userpipe(["outbox", "flush"], away);
      assert.deepEqual([code, stdout], [1, "forwarded 0, refused 0, left 5\n"]);
      assert.match(stderr, /Another process forwards the 5 records that are left/);
      const kept = await userpipe(["ingest", "--generate", "5"], away);
      assert.match(kept.stderr, /Not delivered yet: they wait behind what another process is forwarding/);
    } finally {
      await spool.close();
    }
  }));

serviceTest(
  "records for a topic that is missing hold up no others, and all that looks says what to do",
  ({ brokers }) =>
    withFolder(async (cwd) => {
      const env = kafkaEnds(brokers);
      const topic = env.KAFKA_TOPIC!;
      const typo = `${topic}_typo`;
      const away = { cwd, env: { ...env, KAFKA_BROKERS: "127.0.0.1:1" } };
      const here = { cwd, env };
      await succeeds(["init"], here);
      for (const flags of [[], ["--topic", typo], []]) await succeeds(["ingest", "--generate", "5", ...flags], away);

      const verified = await userpipe(["verify", "--format", "table"], here);
      assert.match(
        verified.stdout,
        /\n10 records of this topic wait in the outbox and were not compared: .*outbox flush/,
      );
      const before = await userpipe(["doctor", "--url", "http://127.0.0.1:1/"], here);
      assert.match(before.stdout, /warn {2}data folder {2}10 records wait in the outbox.*\n.*userpipe outbox flush/);

      for (const forwarded of [10, 0, 0]) {
        const { code, stdout } = await userpipe(["outbox", "flush"], here);
        assert.deepEqual([code, stdout.trim()], [1, `forwarded ${forwarded}, refused 0, left 5`]);
      }
      assert.match(await succeeds(["ingest", "--generate", "5"], here), /^delivered fetched 5, published 5/);
      await succeeds(["stream", "--until-caught-up"], here);
      assert.match(await succeeds(["verify"], here), /"records":15,"rows":15,.*"unknown":\[\]/);

      const missing = new RegExp(`5 records wait in the outbox for the topic "${typo}", which is not there`);
      const hint = new RegExp(`userpipe init --topic ${typo}, and then run userpipe outbox flush`);
      const looks = [["outbox"], ["status", "--format", "table"], ["doctor", "--url", "http://127.0.0.1:1/"]];
      for (const args of looks) {
        const { stdout, stderr } = await userpipe(args, here);
        assert.match(stdout + stderr, missing, args[0]);
        assert.match(stdout + stderr, hint, args[0]);
      }
      await succeeds(["init", "--topic", typo], here);
      assert.match(await succeeds(["outbox", "flush"], here), /forwarded 5, refused 0, left 0/);
    }),
);
