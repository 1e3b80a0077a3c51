/** What keeps running: the schedule on `Deno.cron` itself, the stream beside it, `up`, and how signals end them. */
import assert from "node:assert/strict";
import { type CliOptions, type Running, start, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { cassandraEnds, kafkaEnds } from "./support/ends.ts";
import { serveRandomUsers } from "./support/randomuser_server.ts";
import { record } from "./support/records.ts";
import { serviceTest } from "./support/services.ts";

const RECORDS = Array.from({ length: 1_000 }, (_, n) => record(n));

async function rowsIn(options: CliOptions): Promise<number> {
  return JSON.parse(await succeeds(["query", "count"], options)).count;
}

/** The runs that came to an end; a Kafka that is busy for a moment leaves one to the outbox, from where it goes on. */
function ended(running: Running): number {
  return running.output.match(/^(?:delivered|to outbox) /gm)?.length ?? 0;
}

/** A schedule and a stream in two processes: two ticks, and behind each its rows. How soon they come is the benchmark's to say. */
async function ticksTwice(options: CliOptions): Promise<void> {
  await using server = serveRandomUsers(RECORDS);
  await succeeds(["init"], options);
  await using stream = start(["stream"], options);
  // Every page of the server is another: each run adds 100 users.
  await using ingest = start(["ingest", "--every", "1m", "--url", server.url], options);
  for (let run = 1; run <= 3; run++) {
    await until(() => ended(ingest) >= run, 130_000, () => `run ${run} did not come:\n${ingest.output}`);
    const expected = new Set(server.served.map(({ login }) => login.uuid)).size;
    await until(
      async () => await rowsIn(options) === expected,
      30_000,
      () => `${expected} rows were not there after run ${run}:\n${stream.output}`,
    );
  }
  ingest.signal("SIGTERM");
  stream.signal("SIGTERM");
  assert.deepEqual([await ingest.ended, await stream.ended], [0, 0]);
  assert.match(stream.output, /wrote [0-9,]+ rows, refused 0/);
}

// Two ticks take up to two minutes: the pairs of ends share them.
serviceTest(
  "ingest --every 1m ticks twice beside a stream that carries each run's rows, on both pairs of ends",
  async ({ brokers, contactPoints }) => {
    const env = { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) };
    await withFolder((one) =>
      withFolder((other) => Promise.all([ticksTwice({ cwd: one }), ticksTwice({ cwd: other, env })]).then(() => {}))
    );
  },
);

Deno.test("up does all of it in one process, and a signal drains it", () =>
  withFolder(async (cwd) => {
    await using up = start(["up", "--generate", "50"], { cwd });
    await up.printed("delivered");
    await until(async () => await rowsIn({ cwd }) === 50, 30_000, () => up.output);
    up.signal("SIGINT");
    assert.equal(await up.ended, 0, up.output);
    assert.match(up.output, /wrote 50 rows, refused 0/);
  }));

Deno.test("the second signal ends at once, with the signal's exit code", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "1000"], { cwd });
    // A rate this low makes the drain of the first batch long.
    await using stream = start(["stream", "--max-rate", "1", "--stop-timeout", "20s"], { cwd });
    await until(async () => await rowsIn({ cwd }) > 0, 30_000, () => stream.output);
    stream.signal("SIGTERM");
    await stream.printed("Stopping");
    stream.signal("SIGTERM");
    assert.ok([0, 143].includes(await stream.ended), stream.output);
  }));

Deno.test("what was read and not stored when a stream is killed is carried by the next one", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "20000"], { cwd });
    await using stream = start(["stream"], { cwd });
    await until(async () => await rowsIn({ cwd }) > 0, 30_000, () => stream.output);
    stream.signal("SIGKILL");
    await stream.ended;
    await succeeds(["stream", "--until-caught-up"], { cwd });
    assert.equal(await rowsIn({ cwd }), 20_000);
  }));

Deno.test("max-records, until and from bound a stream", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "1"], { cwd });
    await succeeds(["ingest", "--generate", "100", "--seed", "a"], { cwd });
    assert.match(await succeeds(["stream", "--max-records", "30"], { cwd }), /wrote 30 rows/);
    assert.match(await succeeds(["stream", "--max-records", "30"], { cwd }), /wrote 30 rows/);
    assert.equal(await rowsIn({ cwd }), 60);
    const between = String(Date.now() + 1);
    await until(() => Date.now() > Number(between), 30_000, () => "the clock stands still");
    await succeeds(["ingest", "--generate", "100", "--seed", "b"], { cwd });
    assert.match(await succeeds(["stream", "--until", between], { cwd }), /wrote 40 rows/);
    assert.equal(await rowsIn({ cwd }), 100);
    assert.match(await succeeds(["stream", "--until-caught-up"], { cwd }), /wrote 100 rows/);
    const again = await userpipe(["stream", "--from", "earliest", "--until-caught-up"], { cwd });
    assert.match(again.stdout, /wrote 200 rows/);
    assert.match(again.stderr, /begins there again/);
    assert.match(await succeeds(["stream", "--from", between, "--until-caught-up"], { cwd }), /wrote 100 rows/);
    const both = ["stream", "--from", "earliest", "--until", between, "--until-caught-up"];
    assert.match(await succeeds(both, { cwd }), /wrote 100 rows/);
    assert.equal(await rowsIn({ cwd }), 200);
  }));

Deno.test("peek moves no position, and finds by partition, offset, time and key", () =>
  withFolder(async (cwd) => {
    await succeeds(["init", "--partitions", "2"], { cwd });
    await succeeds(["ingest", "--generate", "50"], { cwd });
    const peek = async (...args: string[]) =>
      (await succeeds(["peek", ...args], { cwd })).trimEnd().split("\n").filter(Boolean).map((line) =>
        JSON.parse(line)
      );
    assert.equal((await peek()).length, 5);
    const all = await peek("--from-beginning", "--max", "1000");
    assert.equal(all.length, 50);
    const [first] = await peek("--partition", "1", "--offset", "3", "--max", "1");
    assert.deepEqual([first.partition, first.offset], [1, 3]);
    assert.deepEqual(await peek("--key", first.key), [first]);
    assert.equal((await peek("--at", all[0].timestamp, "--max", "1000")).length, 50);
    assert.deepEqual(await peek("--at", "2100-01-01"), []);
    assert.match(await succeeds(["stream", "--until-caught-up"], { cwd }), /wrote 50 rows/);
  }));

serviceTest(
  "the stream drains 200,000 records of 4 partitions into Cassandra in under 400 MB",
  ({ brokers, contactPoints }) =>
    withFolder(async (cwd) => {
      const options = { cwd, env: { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) } };
      await succeeds(["init", "--partitions", "4"], options);
      await succeeds(["ingest", "--generate", "200000"], options);
      await using stream = start(["stream", "--until-caught-up"], options);
      let peak = 0;
      const sampler = setInterval(() => peak = Math.max(peak, peakMb(stream.pid)), 50);
      const code = await stream.ended.finally(() => clearInterval(sampler));
      assert.equal(code, 0, stream.output);
      // A loaded machine may cost the membership, and then some are written again, which changes nothing (I4).
      assert.match(stream.output, /wrote 2\d\d,\d\d\d rows, refused 0/);
      assert.equal(await rowsIn(options), 200_000);
      assert.ok(peak > 0 && peak < 400, `peak ${peak} MB`);
    }),
  { ignore: Deno.build.os !== "linux" },
);

/** The largest resident memory so far; 0 once the process is gone. */
function peakMb(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}

Deno.test("a query that keeps its thread busy ends with the first signal", () =>
  withFolder(async (cwd) => {
    await succeeds(["init"], { cwd });
    await succeeds(["ingest", "--generate", "5000"], { cwd });
    await succeeds(["stream", "--until-caught-up"], { cwd });
    const table = "spark_streams.created_users";
    const cql = `SELECT count(*) FROM ${table} a, ${table} b, ${table} c, ${table} d`;
    await using query = start(["query", "--cql", cql], { cwd });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    query.signal("SIGINT");
    assert.equal(await query.ended, 130);
  }));
