/** SIGKILL at every named point: it dies there, is started again, and ends with everything in its place. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Broker, Delivered } from "../../src/broker/broker.ts";
import { namesOf } from "../../src/open.ts";
import { deadLetterOf, encodeDeadLetter } from "../../src/stream/dead_letters.ts";
import { EMBEDDED, type FaultCase, faultTests, onBoth, REAL } from "../support/fault_cases.ts";
import { serveRandomUsers } from "../support/randomuser_server.ts";
import { records } from "../support/records.ts";
import { idsOf, poison, type Rig } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const RECORDS = sized(30_000, 200_000);
const POISON = 20;
/** Nobody listens there. */
const AWAY = { KAFKA_BROKERS: "127.0.0.1:1" };

/** A topic of generated records with poison in the middle of them. */
async function filled(rig: Rig): Promise<Set<string>> {
  await rig.init();
  await rig.ingest("before", RECORDS / 2);
  await rig.publish(poison(POISON));
  await rig.ingest("behind", RECORDS / 2);
  return idsOf(RECORDS / 2, "before", "behind");
}

/** Of a batch only some rows are written, or all and nothing of it is committed. */
const STREAM_POINTS: [point: string, embedded: number, real: number][] = [
  ["mid-batch", 2, 500],
  ["after-store", 1, 4],
  ["after-dead-letter", 1, 1],
];

const inStream: FaultCase[] = STREAM_POINTS.flatMap(([point, embedded, real]) =>
  ([[EMBEDDED, embedded], [REAL, real]] as const).map(([ends, n]) => ({
    fault: point,
    ends,
    work: async (rig) => {
      const expected = await filled(rig);
      await rig.dies(`${point}:${n}`, "stream", "--until-caught-up");
      // I1: what the group has moved past is stored or a dead letter.
      const [committed, rows] = [await rig.committed(), await rig.rowCount()];
      assert.ok(committed <= rows + POISON, `${committed} are committed, and ${rows} stored`);
      assert.ok(committed < await rig.published(), "nothing was left to do");
      await rig.drain();
      return { times: 1, ...await rig.complete(expected, POISON) };
    },
  }))
);

const joining = onBoth("rebalance, as the one that joins", async (rig) => {
  const expected = await filled(rig);
  await using first = rig.start("stream", "--max-rate", String(RECORDS / 8));
  await rig.rows(1, first);
  await rig.dies("rebalance:1", "stream");
  await rig.drain();
  first.signal("SIGTERM");
  assert.ok([0, 1].includes(await first.ended), first.output);
  return { times: 1, ...await rig.complete(expected, POISON) };
});

const joined = onBoth("rebalance, as the one that is joined", async (rig) => {
  const expected = await filled(rig);
  await using first = rig.with({ USERPIPE_FAULT: "rebalance:2" }).start("stream", "--max-rate", String(RECORDS / 8));
  await rig.rows(1, first);
  await using second = rig.start("stream");
  await first.printed("fault: rebalance");
  assert.equal(await first.ended, 137);
  await rig.drain();
  second.signal("SIGTERM");
  assert.ok([0, 1].includes(await second.ended), second.output);
  return { times: 1, ...await rig.complete(expected, POISON) };
});

const published = onBoth("after-publish", async (rig) => {
  await rig.init();
  await rig.dies("after-publish:1", "ingest", "--generate", "10000", "--seed", "s");
  // I2: a publish of 5,000 had returned.
  const published = await rig.published();
  assert.ok(published >= 5_000 && published < 10_000, `${published} were published`);
  await rig.ingest("s", 10_000);
  await rig.drain();
  return { times: 1, ...await rig.complete(idsOf(10_000, "s")) };
});

const fetched = onBoth("after-fetch", async (rig) => {
  await using server = serveRandomUsers(records(12_000));
  await rig.init();
  await rig.dies("after-fetch:2", "ingest", "--url", server.url, "--count", "12000");
  const [killed] = runsOn(rig);
  assert.deepEqual([killed!.state, killed!.attempts], ["running", 1]);
  // I6: what the run asked for is on record. The next ingest asks for it again, wherever its own records are from.
  const next = await rig.run("ingest", "--generate", "100", "--seed", "own");
  assert.equal(next.code, 0, next.stderr);
  assert.match(
    next.stderr,
    new RegExp(`Run ${killed!.id.slice(0, 8)} was interrupted: fetched again by its seed ${killed!.seed}`),
  );
  assert.deepEqual(runsOn(rig)[0], { ...killed, state: "delivered", attempts: 2 });
  assert.deepEqual(
    new Set(server.requests.map(({ searchParams }) => searchParams.get("seed"))),
    new Set([killed!.seed]),
  );
  await rig.drain();
  const expected = new Set(server.served.map(({ login }) => String(login.uuid)));
  assert.equal(expected.size, 12_000);
  return { times: 1, ...await rig.complete(expected.union(idsOf(100, "own"))) };
});

interface Recorded {
  id: string;
  seed: string;
  state: string;
  attempts: number;
}

/** The runs on record, oldest first. */
function runsOn(rig: Rig): Recorded[] {
  const db = new DatabaseSync(join(rig.cwd, "userpipe-data", "runs.db"), { readOnly: true });
  try {
    const runs = db.prepare("SELECT id, seed, state, attempts FROM run ORDER BY seq").all();
    return runs.map((run) => ({ ...run }) as unknown as Recorded);
  } finally {
    db.close();
  }
}

async function waiting(rig: Rig): Promise<number> {
  return JSON.parse((await rig.with(AWAY).run("outbox")).stdout).records;
}

const kept: FaultCase = {
  fault: "after-outbox-write",
  ends: REAL,
  work: async (rig) => {
    await rig.init();
    await rig.with(AWAY).dies("after-outbox-write:1", "ingest", "--generate", "10000", "--seed", "s");
    assert.ok(await waiting(rig) >= 5_000, `${await waiting(rig)} wait`);
    const { code, stderr } = await rig.run("outbox", "flush");
    assert.equal(code, 0, stderr);
    await rig.ingest("s", 10_000);
    await rig.drain();
    return { times: 1, ...await rig.complete(idsOf(10_000, "s")) };
  },
};

const forwarded: FaultCase = {
  fault: "mid-forward",
  ends: REAL,
  work: async (rig) => {
    await rig.init();
    await rig.with(AWAY).ingest("s", 10_000);
    // It dies with entries that are published and not deleted: a second copy is the same row (I4).
    await rig.dies("mid-forward:2", "outbox", "flush");
    const left = await waiting(rig);
    assert.ok(left > 0 && left < 10_000, `${left} wait`);
    const { code, stdout, stderr } = await rig.run("outbox", "flush");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /left 0/);
    const published = await rig.published();
    assert.ok(published > 10_000, `${published} are on the topic`);
    await rig.drain();
    return { times: 1, ...await rig.complete(idsOf(10_000, "s")) };
  },
};

const replayed = onBoth("mid-replay", async (rig) => {
  await rig.init();
  await rig.ingest("s", 5_000);
  // All of the topic as dead letters, and none of it a row: the group begins at its end.
  const letters = await rig.broker(async (broker, topic) => {
    const ranges = await broker.partitions(topic);
    const read = ({ partition, start, end }: typeof ranges[number]) => readAll(broker, topic, partition, start, end);
    const all = (await Promise.all(ranges.map(read))).flat();
    const letters = all.map((each) => encodeDeadLetter(deadLetterOf(topic, each, "stream", "of the test"), Date.now()));
    await broker.publish(namesOf(rig.settings()).deadLetterTopic, letters);
    return letters.length;
  });
  assert.equal(letters, 5_000);
  assert.equal((await rig.run("stream", "--from", "latest", "--until-caught-up")).code, 0);
  assert.equal(await rig.rowCount(), 0);
  await rig.dies("mid-replay:1", "dead-letters", "replay");
  const { code, stdout, stderr } = await rig.run("dead-letters", "replay");
  assert.equal(code, 0, stdout + stderr);
  return { times: 1, ...await rig.complete(idsOf(5_000, "s")) };
});

async function readAll(broker: Broker, topic: string, partition: number, start: bigint, end: bigint) {
  const messages: Delivered[] = [];
  for (let offset = start; offset < end;) {
    const slice = await broker.read(topic, partition, offset, { maxBytes: 1024 * 1024, maxWaitMs: 1_000 });
    messages.push(...slice.messages);
    offset = slice.next;
  }
  return messages;
}

faultTests(
  "kill at a named point",
  [...inStream, ...joining, ...joined, ...fetched, ...published, ...replayed, kept, forwarded],
  { atOnce: 4 },
);
