/** A stream on Kafka that was killed: the next start takes it out of its group, and nobody else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openKafka } from "../src/broker/kafka.ts";
import { MemberRecord } from "../src/broker/kafka_member_record.ts";
import { openStore } from "../src/open.ts";
import type { Store } from "../src/store/store.ts";
import * as kit from "./contracts/broker_kit.ts";
import { type Running, until, withFolder } from "./support/cli.ts";
import { kafkaEnds } from "./support/ends.ts";
import { admin } from "./support/kafka_admin.ts";
import { cannotStart, ownKafka } from "./support/own_services.ts";
import { idsOf, Rig } from "./support/rig.ts";
import { serviceTest } from "./support/services.ts";

/** Less than the 10 s of a session by enough that it cannot be waited out, and more than a start takes on a busy machine. */
const LIMIT_MS = 7_000;
const RECORDS = 20_000;

const ignore = await cannotStart() !== undefined && Deno.env.get("CI") !== "true";

const membersOf = (cwd: string) => join(cwd, "userpipe-data", "kafka-members");

/** The ids that Kafka knows the group's members by. */
async function members(rig: Rig): Promise<string[]> {
  const { brokers, group } = rig.settings();
  const { groups: [{ members }] } = await admin(brokers!.join(), (kafka) => kafka.describeGroups([group]));
  return members.map(({ memberId }) => memberId);
}

/** How long a stream takes from its start to the first row that was not there, in ms. */
async function firstRow(rig: Rig, store: Store, ...args: string[]): Promise<{ stream: Running; took: number }> {
  const before = await store.count();
  const start = performance.now();
  const stream = rig.start("stream", ...args);
  await until(async () => await store.count() > before, 30_000, () => stream.output);
  return { stream, took: Math.round(performance.now() - start) };
}

/** Kills a stream in the middle of a drain and starts it again. @returns how long each took to its first new row, in ms */
async function killedAndStarted(brokers: string): Promise<{ first: number; again: number }> {
  const times = { first: 0, again: 0 };
  await withFolder(async (cwd) => {
    const rig = new Rig(cwd, kafkaEnds(brokers));
    await rig.init();
    await rig.ingest("s", RECORDS);
    const store = await openStore(rig.settings());
    try {
      const first = await firstRow(rig, store, "--max-rate", "2000");
      await using killed = first.stream;
      await until(async () => await store.count() > 500, 30_000, () => killed.output);
      killed.signal("SIGKILL");
      assert.equal(await killed.ended, 137);
      const again = await firstRow(rig, store);
      await using stream = again.stream;
      assert.ok(again.took < LIMIT_MS, `the first new row came after ${again.took} ms`);
      Object.assign(times, { first: first.took, again: again.took });
      await until(async () => await store.count() === RECORDS, 30_000, () => stream.output);
      assert.equal([...Deno.readDirSync(membersOf(cwd))].length, 1);
      stream.signal("SIGTERM");
      assert.equal(await stream.ended, 0, stream.output);
      assert.deepEqual([...Deno.readDirSync(membersOf(cwd))], []);
    } finally {
      await store.close();
    }
    await rig.complete(idsOf(RECORDS, "s"));
  });
  return times;
}

serviceTest("a stream that was killed and started again does not wait for its own session", async ({ brokers }) => {
  await killedAndStarted(brokers);
});

serviceTest("nor does it where Kafka lets an empty group wait for more members", () =>
  withFolder(async (folder) => {
    await using kafka = await ownKafka(folder, { "group.initial.rebalance.delay.ms": "3000" });
    const { first, again } = await killedAndStarted(kafka.endpoint);
    // The first start finds the group empty, and waits the 3 s.
    assert.ok(again < first, `${again} ms again, ${first} ms at first`);
  }), { ignore });

serviceTest(
  "a start leaves the living members of its folder alone, and takes out only the dead",
  ({ brokers }) =>
    withFolder(async (cwd) => {
      const rig = new Rig(cwd, kafkaEnds(brokers));
      await rig.init(6);
      await rig.ingest("s", 3_000);
      const streams: Running[] = [];
      /** Starts one more. @returns its member id, once it is with exactly these others */
      const begin = async (...others: string[]) => {
        const stream = rig.start("stream");
        streams.push(stream);
        let found: string[] = [];
        const joined = () => found.length === others.length + 1 && others.every((id) => found.includes(id));
        await until(
          async () => {
            found = await members(rig);
            return joined();
          },
          30_000,
          () => `${found} where one was to join ${others}: ${stream.output}`,
        );
        return found.find((id) => !others.includes(id))!;
      };
      try {
        const first = await begin();
        const second = await begin(first);
        const third = await begin(first, second);
        streams[0]!.signal("SIGKILL");
        assert.equal(await streams.shift()!.ended, 137);
        await begin(second, third);
        await rig.ingest("more", 3_000);
        await rig.rows(6_000, streams[0]!);
        for (const stream of streams) stream.signal("SIGTERM");
        for (const stream of streams) assert.equal(await stream.ended, 0, stream.output);
      } finally {
        for (const stream of streams) await stream[Symbol.asyncDispose]();
      }
      await rig.complete(new Set([...idsOf(3_000, "s"), ...idsOf(3_000, "more")]));
    }),
);

serviceTest("a folder that cannot be written to stops no stream", ({ brokers }) =>
  withFolder(async (folder) => {
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const broker = openKafka({
      brokers: brokers.split(","),
      clientId: "userpipe",
      membersFolder: join(file, "members"),
    });
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, kit.numbered(3));
    const reader = await kit.join(broker, topic, kit.unique("group"));
    assert.deepEqual(kit.numbers(await kit.drain(reader, 3)), kit.upTo(3));
    await broker.close();
  }));

Deno.test("a member counts as dead once its lock is free, to those of its group and its Kafka", () =>
  withFolder((folder) => {
    const record = (group = "g", brokers = ["a:9092", "b:9092"]) => new MemberRecord(folder, brokers, group);
    const dead = (of: MemberRecord) => Array.from(of.dead(), ({ memberId }) => memberId);
    const [first, second] = [record(), record()];
    first.keep("old");
    first.keep("m1");
    second.keep("m2");
    assert.deepEqual(dead(second), []);
    first.close();
    Deno.writeTextFileSync(join(folder, "torn"), '{"group":"g","bro');
    for (const other of [record("another"), record("g", ["c:9092"])]) assert.deepEqual(dead(other), []);
    assert.deepEqual(dead(record("g", ["b:9092", "a:9092"])), ["m1"]);
    for (const { forget } of second.dead()) forget();
    assert.deepEqual(dead(second), []);
    assert.equal([...Deno.readDirSync(folder)].length, 1);
    second.remove();
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    return Promise.resolve();
  }));
