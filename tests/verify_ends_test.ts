/** `verify` as people run it, on the embedded ends and on real ones: what was done to topic and table by hand is found. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Client } from "cassandra-driver";
import { type CliOptions, succeeds, userpipe, withFolder } from "./support/cli.ts";
import { cassandraEnds, kafkaEnds } from "./support/ends.ts";
import { poison, Rig } from "./support/rig.ts";
import { serviceTest } from "./support/services.ts";
import { sized } from "./support/size.ts";
import { failsAsItShould } from "./support/wrong.ts";

interface Answer {
  code: number;
  // deno-lint-ignore no-explicit-any
  verdict: any;
}

/** Runs it in a pipe: one JSON object. */
async function verify(options: CliOptions, ...args: string[]): Promise<Answer> {
  const { code, stdout, stderr } = await userpipe(["verify", ...args], options);
  assert.ok(stdout.startsWith("{"), stdout + stderr);
  return { code, verdict: JSON.parse(stdout) };
}

const KEYS = ["records", "rows", "missing", "different", "newer", "dead", "superseded"] as const;

function countsOf({ verdict }: Answer): number[] {
  return KEYS.map((key) => verdict[key]);
}

function idsOf({ verdict }: Answer, kind: string): string[] {
  return verdict.first[kind].map(({ id }: { id: string }) => id);
}

/** Makes the ends, and carries so many records and five that are refused. */
async function carried(rig: Rig, count: number): Promise<void> {
  await rig.init();
  await rig.ingest("verify", count);
  await rig.publish(poison(5));
  await rig.drain();
}

/** What is done to the table behind the program's back. */
interface Table {
  remove(id: string): Promise<void>;
  /** Changes the email without a change of the write time. */
  alter(id: string): Promise<void>;
  /** Writes the row again, a minute later than it was. */
  renew(id: string): Promise<void>;
}

/** Publishes a record of the row's id with another name, which nobody carries: the row is an older one. */
async function age(rig: Rig, id: string): Promise<void> {
  const event = JSON.parse(await succeeds(["query", "id", id], rig.options));
  const bytes = (text: string) => new TextEncoder().encode(text);
  const value = bytes(JSON.stringify({ ...event, first_name: "Another" }));
  await rig.publish([{ key: bytes(id), value, headers: {}, timestamp: Date.now() }]);
}

async function findsWhatWasDone(rig: Rig, table: Table): Promise<void> {
  const before = await verify(rig.options);
  const count = before.verdict.rows;
  assert.deepEqual([before.code, ...countsOf(before)], [0, count + 5, count, 0, 0, 0, 5, 0]);
  assert.equal(before.verdict.first.dead.length, 5);
  assert.match(before.verdict.first.dead[0].what, /not JSON/);

  const [removed, altered, old, renewed] = [...await rig.ids()];
  await table.remove(removed!);
  await table.alter(altered!);
  await age(rig, old!);
  await table.renew(renewed!);
  const after = await verify(rig.options);
  assert.deepEqual([after.code, ...countsOf(after)], [1, count + 6, count - 1, 1, 2, 1, 5, 1]);
  assert.deepEqual(idsOf(after, "missing"), [removed]);
  assert.deepEqual(idsOf(after, "newer"), [renewed]);
  assert.deepEqual(idsOf(after, "different").sort(), [altered, old].sort());
  const of = (id: string) => after.verdict.first.different.find((each: { id: string }) => each.id === id);
  assert.deepEqual(of(altered!).columns, ["email"]);
  assert.match(of(old!).what, /^an older row, of .*: first_name$/);
  assert.equal(after.verdict.ahead, 1);

  const upToCommitted = await verify(rig.options, "--until", "committed");
  assert.deepEqual(idsOf(upToCommitted, "different"), [altered]);
  await rig.drain();
  assert.deepEqual(idsOf(await verify(rig.options), "different"), [altered]);
}

Deno.test("on the embedded ends: a row that was removed, altered, is older, is newer, and poison", () =>
  withFolder(async (cwd) => {
    const rig = new Rig(cwd, {});
    await carried(rig, sized(300, 20_000));
    const change = async (sql: string, id: string) => {
      const db = new DatabaseSync(join(cwd, "userpipe-data", "keyspace-spark_streams.db"));
      assert.equal(db.prepare(sql).run(id).changes, 1);
      db.close();
    };
    const update = "UPDATE created_users_rows SET";
    await findsWhatWasDone(rig, {
      remove: (id) => change("DELETE FROM created_users_rows WHERE id = ?", id),
      alter: (id) => change(`${update} email = 'somebody@else' WHERE id = ?`, id),
      renew: (id) => change(`${update} first_name = 'X', write_time = write_time + 60000000 WHERE id = ?`, id),
    });
  }));

serviceTest("on Kafka and Cassandra: the same", ({ brokers, contactPoints }) =>
  withFolder(async (cwd) => {
    const env = { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) };
    const rig = new Rig(cwd, env);
    await carried(rig, sized(3_000, 200_000));
    const client = new Client({ contactPoints: [contactPoints], localDataCenter: "datacenter1" });
    const table = `${env.CASSANDRA_KEYSPACE}.created_users`;
    const update = async (id: string, column: string, value: string, later: number) => {
      const { rows } = await client.execute(`SELECT writetime(email) AS t FROM ${table} WHERE id = ${id}`);
      const at = BigInt(String(rows[0]!.t)) + BigInt(later);
      await client.execute(`UPDATE ${table} USING TIMESTAMP ${at} SET ${column} = '${value}' WHERE id = ${id}`);
    };
    try {
      await findsWhatWasDone(rig, {
        remove: async (id) => void await client.execute(`DELETE FROM ${table} WHERE id = ${id}`),
        // Of two cells of one write time the larger one stays.
        alter: (id) => update(id, "email", "~somebody@else", 0),
        renew: (id) => update(id, "first_name", "X", 60_000_000),
      });
    } finally {
      await client.shutdown();
    }
  }));

Deno.test("a person gets a table, and is told what the stream has not carried yet", () =>
  withFolder(async (cwd) => {
    const rig = new Rig(cwd, {});
    await carried(rig, 100);
    const whole = await succeeds(["verify", "--format", "table"], rig.options);
    assert.match(whole, /^records +105 +in 4 partitions\nrows +100\nmissing +0\ndifferent +0\nnewer +0\ndead +5\n/);
    assert.match(whole, /\nThe first that are dead:\n {2}\{poison_\w+ \d, partition \d, offset \d+: not JSON/);
    assert.match(whole, /\nNothing is missing or different\.\n$/);

    await rig.ingest("more", 20);
    const { code, stdout, stderr } = await userpipe(["verify", "--format", "table"], rig.options);
    assert.equal(code, 1);
    assert.match(stdout, /\nmissing +20\n/);
    assert.match(stdout, /20 of the missing and different are past the position of the group "userpipe"/);
    assert.match(stdout, /\nIt is not all there\.\n$/);
    assert.equal(stderr, "");
    await succeeds(["verify", "--until", "committed"], rig.options);
  }));

Deno.test("beside a stream and an ingest that are running, up to the committed position nothing is missing", () =>
  withFolder(async (cwd) => {
    const rig = new Rig(cwd, {});
    await rig.init();
    await rig.ingest("first", 2_000);
    await using stream = rig.start("stream", "--max-rate", "4000");
    await rig.rows(200, stream);
    let records = 0;
    while (records < 6_000) {
      const ingested = records < 2_000 ? rig.ingest("again", 4_000) : Promise.resolve();
      const answer = await verify(rig.options, "--until", "committed");
      assert.deepEqual([answer.code, answer.verdict.missing, answer.verdict.different], [0, 0, 0], stream.output);
      records = answer.verdict.records;
      await ingested;
    }
  }));

Deno.test("what retention removed is said, and is no reason to fail", () =>
  withFolder(async (cwd) => {
    const rig = new Rig(cwd, {});
    await succeeds(["init", "--partitions", "1", "--retention-bytes", "64KiB"], rig.options);
    for (const seed of ["a", "b", "c"]) {
      await rig.ingest(seed, 500);
      await rig.drain();
    }
    const { code, verdict } = await verify(rig.options);
    const [{ from, until, removed }] = verdict.partitions;
    assert.deepEqual([code, until, removed === from, verdict.records], [0, 1_500, true, 1_500 - from]);
    assert.ok(removed > 0);
    assert.match(verdict.unknown.join(), new RegExp(`Retention has removed .*: ${removed} of partition 0\\.`));
  }));

const MANY = sized(20_000, 1_000_000);

Deno.test(`${MANY} records take less than 400 MB`, () => withFolder((cwd) => takesLittle(new Rig(cwd, {}))));

serviceTest(
  `on Kafka and Cassandra too: ${MANY} records take less than 400 MB`,
  ({ brokers, contactPoints }) =>
    withFolder((cwd) => takesLittle(new Rig(cwd, { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) }))),
);

async function takesLittle(rig: Rig): Promise<void> {
  await carried(rig, MANY);
  await using running = rig.start("verify");
  let peakKb = 0;
  const sampler = setInterval(() => peakKb = Math.max(peakKb, peakOf(running.pid)), 20);
  const code = await running.ended.finally(() => clearInterval(sampler));
  assert.equal(code, 0, running.output);
  assert.equal(JSON.parse(running.output).rows, MANY);
  assert.ok(peakKb < 400_000, `${peakKb} KB`);
  assert.ok(peakKb > 0 || Deno.build.os !== "linux");
}

/** The largest resident memory of a process in KB; 0 where it is gone or there is no /proc. */
function peakOf(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

Deno.test("a replayed dead letter is a row", () =>
  withFolder(async (cwd) => {
    const rig = new Rig(cwd, {});
    await rig.init();
    await rig.ingest("replayed", 10);
    const [id] = [...await rig.drain().then(() => rig.ids())];
    const event = JSON.parse(await succeeds(["query", "id", id!], rig.options));
    const bytes = (text: string) => new TextEncoder().encode(text);
    const value = bytes(JSON.stringify({ ...event, id: crypto.randomUUID() }));
    // Refused while its time is more than a day ahead, and taken once it is not: as a check that was mended would.
    const timestamp = Date.now() + 86_400_000 + 4_000;
    await rig.publish([{ key: null, value, headers: {}, timestamp }]);
    await rig.drain();
    const dead = await verify(rig.options);
    assert.deepEqual([dead.code, dead.verdict.rows, dead.verdict.dead], [0, 10, 1]);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, timestamp - 86_400_000 - Date.now() + 1)));
    await succeeds(["dead-letters", "replay"], rig.options);
    const replayed = await verify(rig.options);
    assert.deepEqual([replayed.code, replayed.verdict.rows, replayed.verdict.dead], [0, 11, 0]);
  }));

Deno.test("what cannot be compared ends in two lines", async () => {
  const init = [["init"]];
  await failsAsItShould({ args: ["verify"], message: /no topic|no table/, hint: /userpipe init/, code: 2 });
  await failsAsItShould({
    args: ["verify", "--until", "committed"],
    message: /group "userpipe" has no position/,
    hint: /--group/,
    code: 2,
    before: init,
  });
  await failsAsItShould({
    args: ["verify", "--from", "latest"],
    message: /--from is "latest"/,
    hint: /--help/,
    code: 2,
  });
  await failsAsItShould({ args: ["verify", "--format", "csv"], message: /--format is "csv"/, hint: /--help/, code: 2 });
});
