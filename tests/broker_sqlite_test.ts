/** The embedded broker: the broker contract, and what only a file shared by processes can get wrong. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import fc from "fast-check";
import type { Broker } from "../src/broker/broker.ts";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { LEASE_MS } from "../src/broker/sqlite_group.ts";
import { UserpipeError } from "../src/errors.ts";
import { brokerContract, type Opened } from "./contracts/broker.ts";
import * as kit from "./contracts/broker_kit.ts";
import { message, numbered, upTo } from "./contracts/broker_kit.ts";

interface Folder extends Opened {
  path: string;
}

async function open(): Promise<Folder> {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-broker-" });
  const path = join(folder, "topics.db");
  const clients = [openSqliteBroker({ path })];
  return {
    path,
    broker: clients[0],
    reopen: async () => {
      clients.push(openSqliteBroker({ path }));
      return clients.at(-1)!;
    },
    trim: async (topic, partition, before) => trim(path, topic, partition, before),
    close: async () => {
      for (const client of clients) await client.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Removes whole chunks, as retention does. */
function trim(path: string, topic: string, partition: number, before: bigint): void {
  withFile(path, (db) => {
    db.prepare(`DELETE FROM chunks WHERE base < ?
      AND partition = (SELECT id FROM partitions WHERE topic = ? AND number = ?)`).run(before, topic, partition);
    db.prepare("UPDATE partitions SET first = ? WHERE topic = ? AND number = ?").run(before, topic, partition);
  });
}

function withFile<T>(path: string, work: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    return work(db);
  } finally {
    db.close();
  }
}

function embedded(sentence: string, run: (folder: Folder) => Promise<void>): void {
  Deno.test(`embedded broker: ${sentence}`, async () => {
    const folder = await open();
    try {
      await run(folder);
    } finally {
      await folder.close();
    }
  });
}

const failsAs = (code: string) => (error: unknown) => error instanceof UserpipeError && error.code === code;

brokerContract("embedded broker", open);

/** A member of a group in a process of its own: prints each value, acknowledges all but the last `held`. */
async function memberProcess(path: string, topic: string, group: string, expected: number, held: number) {
  const code = `
    import { openSqliteBroker } from ${JSON.stringify(import.meta.resolve("../src/broker/sqlite.ts"))};
    const [path, topic, group, expected, held] = Deno.args;
    const broker = openSqliteBroker({ path });
    const reader = await broker.subscribe({ topic, group, from: "committed", maxInFlightBytes: 1e6, maxBatchMessages: 1 });
    for (let seen = 1; seen <= Number(expected); seen++) {
      const batch = await reader.next();
      if (seen <= expected - held) batch.acknowledge();
    }
    await reader.commit();
    console.log("committed");
    await reader.next();`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", code, path, topic, group, String(expected), String(held)],
    cwd: new URL("..", import.meta.url),
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await kit.within(reader.read(), "the commit of the other process");
  assert.equal(kit.decode(value ?? null).trim(), "committed");
  await reader.cancel();
  return child;
}

embedded("what a killed process had not acknowledged is read at once by another one", async ({ path, broker }) => {
  const topic = await kit.newTopic(broker, 2);
  const group = kit.unique("group");
  for (let i = 0; i < 10; i++) await broker.publish(topic, numbered(1, i));
  const child = await memberProcess(path, topic, group, 10, 3);
  const waiting = await kit.join(broker, topic, group);
  assert.ok(waiting.positions().length < 2, "a living member lost what it has");
  child.kill("SIGKILL");
  await child.status;
  await waiting.close();
  const started = Date.now();
  const reader = await kit.join(broker, topic, group);
  assert.equal(reader.positions().length, 2);
  const again = kit.numbers(await kit.drain(reader, 3));
  assert.ok(Date.now() - started < LEASE_MS / 2, "it waited for a lease to end");
  assert.ok(again.length >= 3);
  await reader.close();
  const committed = [...(await broker.committed(topic, group)).values()];
  assert.equal(committed.reduce((sum, offset) => sum + offset), 10n);
});

embedded("a member that lost its lease cannot move the position, and comes back", async ({ path, broker, reopen }) => {
  const topic = await kit.newTopic(broker);
  const group = kit.unique("group");
  await broker.publish(topic, numbered(4));
  const frozen = await kit.join(broker, topic, group, { maxBatchMessages: 2 });
  const [first, second] = await kit.take(frozen, 4);
  withFile(path, (db) => db.exec("UPDATE members SET expires = 0"));
  const other = await kit.join(await reopen(), topic, group, { maxBatchMessages: 1 });
  const [again] = await kit.take(other, 1);
  assert.deepEqual(kit.numbers(again.messages), [0]);
  first.acknowledge();
  second.acknowledge();
  await frozen.commit();
  assert.deepEqual(await broker.committed(topic, group), new Map());
  assert.deepEqual(frozen.positions(), []);
  again.acknowledge();
  await other.close();
  assert.deepEqual(await broker.committed(topic, group), new Map([[0, 1n]]));
  assert.deepEqual(kit.numbers(await kit.drain(frozen, 3)), [1, 2, 3]);
  await frozen.close();
});

embedded("a partition is given up only once what is in flight of it is acknowledged", async ({ broker, reopen }) => {
  const topic = await kit.newTopic(broker, 2);
  const group = kit.unique("group");
  for (let i = 0; i < 6; i++) await broker.publish(topic, upTo(10).map((n) => message(String(i * 10 + n))));
  const one = await kit.join(broker, topic, group, { maxBatchMessages: 5 });
  const held = await kit.take(one, 60);
  const two = await kit.join(await reopen(), topic, group);
  const waiting = two.next();
  // Longer than a member takes to notice the other one.
  for (let i = 0; i < 4; i++) assert.ok(await kit.stillWaits(waiting));
  assert.equal(one.positions().length, 2);
  for (const batch of held) batch.acknowledge();
  await kit.until("one partition each", () => one.positions().length === 1 && two.positions().length === 1);
  await broker.publish(topic, upTo(20, 60).map((n) => message(String(n))));
  const batch = await kit.within(waiting, "a batch");
  assert.equal(batch!.partition, two.positions()[0].partition);
  assert.ok(kit.values(batch!.messages).every((value) => Number(value) >= 60), "it was read twice");
  await Promise.all([one.close(), two.close()]);
});

embedded("retention by size keeps partition and file bounded", async ({ path, broker }) => {
  const name = kit.unique("topic");
  await broker.init([{ ...kit.spec(name), retentionBytes: 1_000_000 }], { dryRun: false });
  const publish = () => broker.publish(name, upTo(100).map(() => message(new Uint8Array(1_000))));
  for (let i = 0; i < 130; i++) await publish();
  const [{ start, end }] = await broker.partitions(name);
  assert.equal(end, 13_000n);
  const kept = Number(end - start);
  assert.ok(kept > 900 && kept <= 1_100, `${kept} messages kept`);
  const pages = withFile(path, (db) => Number(db.prepare("PRAGMA page_count").get()?.page_count));
  assert.ok(pages * 4_096 < 2_000_000, `${pages} pages in the file`);
  assert.equal((await kit.readAll(broker, name))[0].offset, start);
});

embedded("retention by age removes what is old, and never the newest", async ({ path, broker }) => {
  const name = kit.unique("topic");
  await broker.init([{ ...kit.spec(name), retentionMs: 60_000 }], { dryRun: false });
  for (let i = 0; i < 5; i++) await broker.publish(name, numbered(1, i));
  withFile(path, (db) => db.exec("UPDATE chunks SET appended = appended - 61000 WHERE base < 3"));
  await broker.publish(name, numbered(1, 5));
  assert.deepEqual(kit.numbers(await kit.readAll(broker, name)), [3, 4, 5]);
  withFile(path, (db) => db.exec("UPDATE chunks SET appended = 0"));
  await broker.publish(name, numbered(1, 6));
  assert.deepEqual(kit.numbers(await kit.readAll(broker, name)), [6]);
});

embedded("a group whose next messages are gone goes on with the first that is there", async ({ broker, trim }) => {
  const topic = await kit.newTopic(broker);
  const group = kit.unique("group");
  for (let i = 0; i < 10; i++) await broker.publish(topic, numbered(1, i));
  const reader = await kit.join(broker, topic, group, { maxBatchMessages: 1 });
  await kit.drain(reader, 2);
  await trim!(topic, 0, 6n);
  assert.deepEqual(kit.numbers(await kit.drain(reader, 4)), [6, 7, 8, 9]);
  await trim!(topic, 0, 10n);
  assert.equal(reader.positions()[0].acknowledged, 10n);
  await reader.close();
  assert.deepEqual(await broker.committed(topic, group), new Map([[0, 10n]]));
});

embedded(
  "a loop that only publishes and reads lets timers in, and is committed meanwhile",
  async ({ broker, reopen }) => {
    const topic = await kit.newTopic(broker);
    const group = kit.unique("group");
    const other = await reopen();
    const reader = await kit.join(broker, topic, group);
    let committed = 0n;
    const look = async () => committed = (await other.committed(topic, group)).get(0) ?? 0n;
    const timer = setInterval(look, 20);
    const end = Date.now() + 10_000;
    try {
      for (let i = 0; committed === 0n; i++) {
        assert.ok(Date.now() < end, "no timer ran");
        await broker.publish(topic, numbered(10, i));
        (await reader.next())!.acknowledge();
        await broker.read(topic, 0, 0n, { maxBytes: 100, maxWaitMs: 0 });
      }
    } finally {
      clearInterval(timer);
    }
    await reader.close();
  },
);

embedded("a timestamp of −1 and one of next century are kept exactly", async ({ broker }) => {
  const topic = await kit.newTopic(broker);
  const times = [-1, 0, 4_102_444_800_000, 5];
  await broker.publish(topic, times.map((timestamp) => message("x", { timestamp })));
  assert.deepEqual((await kit.readAll(broker, topic)).map((each) => each.timestamp), times);
});

embedded("a dry run makes no file, and opening makes none either", async ({ path, broker }) => {
  const [change] = await broker.init([kit.spec("t")], { dryRun: true });
  assert.equal(change.state, "would-make");
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
});

Deno.test("embedded broker: a file that is not a database is an error that names it", async () => {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "not a database, but long enough to be read as one".repeat(20));
  const broker = openSqliteBroker({ path });
  try {
    const check = await broker.check();
    assert.ok(!check.ok && check.error.code === "data-folder" && check.error.message.includes(path));
    await assert.rejects(broker.publish("t", [message("x")]), failsAs("data-folder"));
    await assert.rejects(broker.subscribe(options("t", "g")), failsAs("data-folder"));
  } finally {
    await broker.close();
    await Deno.remove(path);
  }
});

embedded(
  "what is published to a file that was removed or replaced is an error, and never a success",
  async (folder) => {
    const { path, broker } = folder;
    const topic = await kit.newTopic(broker);
    await broker.publish(topic, [message("x")]);
    const remove = async () => {
      for (const end of ["", "-wal", "-shm"]) await Deno.remove(path + end);
    };
    await remove();
    await assert.rejects(broker.publish(topic, [message("x")]), failsAs("topic-missing"));
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    await broker.init([kit.spec(topic)], { dryRun: false });
    await broker.publish(topic, [message("y")]);
    assert.deepEqual((await kit.readAll(await folder.reopen(), topic)).length, 1);
    const subscription = await broker.subscribe(options(topic, "g"));
    await remove();
    const reading = async () => {
      while (await subscription.next() !== null);
    };
    await assert.rejects(reading(), failsAs("data-folder"));
  },
);

const options = (topic: string, group: string): Parameters<Broker["subscribe"]>[0] => {
  return { topic, group, from: "committed", maxInFlightBytes: 1_000, maxBatchMessages: 1 };
};

embedded("the offset at a time is what a search through all messages finds, also after retention", async (folder) => {
  const { broker } = folder;
  const times = fc.array(fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });
  const property = fc.asyncProperty(times, fc.nat(7), async (batches, removed) => {
    const topic = await kit.newTopic(broker);
    for (const batch of batches) await broker.publish(topic, batch.map((timestamp) => message("x", { timestamp })));
    const gone = batches.slice(0, Math.min(removed, batches.length - 1)).flat().length;
    await folder.trim!(topic, 0, BigInt(gone));
    const all = batches.flat();
    for (let time = 0; time <= 21; time++) {
      const found = all.findIndex((timestamp, i) => i >= gone && timestamp >= time);
      const expected = BigInt(found < 0 ? all.length : found);
      assert.deepEqual(await broker.offsetsAt(topic, time), new Map([[0, expected]]));
    }
  });
  await fc.assert(property, { numRuns: 20 });
});
