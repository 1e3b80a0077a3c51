/** Every figure of the page is that of the command for it: the program makes them, and both are asked. */
import assert from "node:assert/strict";
import { type Api, openApi } from "./support/api.ts";
import { type CliOptions, succeeds, until, userpipe, withFolder } from "./support/cli.ts";
import { cassandraEnds, type Ends, kafkaEnds } from "./support/ends.ts";
import { eventsOf, messageOf } from "./support/poison.ts";
import { serveRandomUsers, trouble } from "./support/randomuser_server.ts";
import { records } from "./support/records.ts";
import { serviceTest } from "./support/services.ts";

// deno-lint-ignore no-explicit-any
type Plain = any;

/** Messages that are refused: two reasons, one of them twice. */
async function publishBad({ deps: { ends, names } }: Api): Promise<void> {
  const [event] = eventsOf("bad", 1);
  const bad = [{ ...event!, email: 7 }, { ...event!, email: 8 }, { ...event!, id: "7" }];
  await (await ends.broker()).publish(names.topic, bad.map((each) => messageOf(each)));
}

/** Three runs, one of which failed; 100 rows, three dead letters, and 12 records that are not carried. */
async function fill(options: CliOptions, api: Api): Promise<void> {
  await using server = serveRandomUsers(records(100));
  await succeeds(["init", "--partitions", "3"], options);
  await succeeds(["ingest", "--url", server.url, "--count", "100"], options);
  await publishBad(api);
  await userpipe(["stream", "--until-caught-up"], options);
  server.always(trouble(400));
  assert.equal((await userpipe(["ingest", "--url", server.url], options)).code, 3);
  await succeeds(["ingest", "--generate", "12", "--seed", "s"], options);
}

Deno.test("every view shows the figures of the command for it", (t) => compare(t, {}));

serviceTest("every view shows the figures of the command for it, on Kafka and Cassandra", (services, t) => {
  const { brokers, contactPoints } = services;
  return compare(t, { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) });
});

async function compare(t: Deno.TestContext, env: Ends): Promise<void> {
  await withFolder(async (cwd) => {
    const options = { cwd, env };
    await using api = openApi(cwd, { env });
    await fill(options, api);
    const lines = async (...args: string[]): Promise<Plain[]> => {
      const printed = await succeeds([...args, "--format", "ndjson"], options);
      return printed.trimEnd().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    };
    const one = async (...args: string[]): Promise<Plain> => JSON.parse(await succeeds(args, options));

    await t.step("the way, and status", async () => {
      const status = JSON.parse((await userpipe(["status"], options)).stdout);
      let way: Plain;
      // A stream that took a second was heard of, and is taken for alive for a while.
      const isSettled = async () => {
        way = await api.get("/api/way");
        return way.rows !== null && way.deadLetters !== null && way.processes.length === 0;
      };
      await until(isSettled, 30_000, () => "what takes long is never counted, or a process that ended never gone");
      assert.deepEqual([way.rows, way.lag, way.deadLetters], [100, 12, 3]);
      assert.deepEqual([way.rows, way.lag, way.deadLetters, way.outbox], [
        ...[status.table.rows, status.lag.records, status.deadLetters.waiting, status.outbox?.messages ?? null],
      ]);
      assert.equal(way.lastRun.id, status.runs[0].id);
      const [source, ingest, broker, stream, store] = way.parts;
      assert.deepEqual([broker.passed, store.passed], [status.topic.records, status.table.rows]);
      assert.deepEqual([broker.waits[0].count, stream.waits[0].count], [12, 3]);
      assert.deepEqual([source, ingest, broker, stream, store].map(({ state }) => state), [
        ...["idle", "idle", "fine", "waiting", "fine"],
      ]);
      const topic = await api.get("/api/topic");
      const sum = (of: (each: Plain) => number) => topic.partitions.map(of).reduce((a: number, b: number) => a + b);
      assert.equal(sum(({ first, end }) => Number(end) - Number(first)), status.topic.records);
      assert.equal(sum(({ lag }) => lag), status.lag.records);
      assert.equal((await api.get("/api/table")).count, (await one("query", "count")).count);
    });

    await t.step("the runs", async () => {
      const listed = await lines("runs");
      const { runs } = await api.get("/api/runs");
      const figures = ({ id, kind, state, attempts, fetched, published, outbox, refused, bytes, error }: Plain) => ({
        ...{ id, kind, state, attempts, fetched, published, outbox, refused, bytes, error },
      });
      assert.equal(runs.length, 3);
      assert.deepEqual(runs.map(figures), listed.map(figures));
      assert.deepEqual((await api.get("/api/runs?state=failed")).runs.map(figures), [
        ...(await lines("runs", "--state", "failed")).map(figures),
      ]);
      const [failed] = runs.filter(({ state }: Plain) => state === "failed");
      const shown = await one("runs", "show", failed.id);
      const details = await api.get(`/api/runs/${failed.id}`);
      assert.deepEqual(figures(details), figures(shown));
      assert.deepEqual(
        details.tries.map(({ number }: Plain) => number),
        shown.tries.map(({ number }: Plain) => number),
      );
      assert.deepEqual(details.log.map(({ text }: Plain) => text), shown.log.map(({ text }: Plain) => text));
      const { since: _, ...sums } = await one("runs", "stats", "--since", "7d", "--format", "json");
      assert.deepEqual(await api.get("/api/stats"), sums);
    });

    await t.step("the messages, and peek", async () => {
      const placeOf = ({ partition, offset }: Plain) => `${partition}/${Number(offset)}`;
      const seen = (message: Plain) => [placeOf(message), new Date(message.timestamp).toISOString(), message.key];
      const peeked = (message: Plain) => [placeOf(message), message.timestamp, message.key];
      const cases: [query: string, flags: string[], turned: boolean][] = [
        ["limit=20", ["--max", "20"], true],
        ["limit=500", ["--max", "500"], true],
        ["partition=1&limit=5", ["--partition", "1", "--max", "5"], true],
        ["partition=0&offset=3&limit=4", ["--partition", "0", "--offset", "3", "--max", "4"], false],
        ["partition=2&at=0&limit=500", ["--partition", "2", "--at", "0", "--max", "500"], false],
      ];
      for (const [query, flags, turned] of cases) {
        const { messages, more } = await api.get(`/api/messages?${query}`);
        const found = (await lines("peek", ...flags)).map(peeked);
        assert.deepEqual(messages.map(seen), turned ? found.reverse() : found, query);
        assert.equal(more, !query.endsWith("500"), query);
      }
      const [newest] = (await api.get("/api/messages?limit=1")).messages;
      const byKey = await api.get(`/api/messages?key=${newest.key}`);
      assert.deepEqual(byKey.messages.map(placeOf), (await lines("peek", "--key", newest.key)).map(placeOf));
      const whole = await api.get(`/api/messages/${newest.partition}/${newest.offset}`);
      const [same] = await lines("peek", "--partition", `${newest.partition}`, "--offset", newest.offset, "--max", "1");
      assert.deepEqual(JSON.parse(whole.value), same.value);
      assert.deepEqual(Object.fromEntries(whole.headers), same.headers);
    });

    await t.step("the table, and query", async () => {
      const { rows } = await api.get("/api/table/newest?limit=500");
      assert.equal(rows.length, 100);
      const id = rows[0].values[0];
      const found = await api.get(`/api/table/row/${id.toUpperCase()}`);
      assert.deepEqual([found.row], await lines("query", "id", id));
      const { partition, offset } = rows[0];
      assert.deepEqual([found.message.partition, found.message.offset], [partition, offset]);
      const message = await api.get(`/api/messages/${partition}/${offset}`);
      const headers = Object.fromEntries(message.headers);
      assert.equal(found.message.run, headers["userpipe-run"]);
      assert.equal(String(found.message.fetched), headers["userpipe-fetched"]);
      assert.equal(found.writeTime, message.timestamp * 1000 + Number(offset) % 1000);

      const { of, whole, facets } = await api.get("/api/table/facets?all=1");
      assert.deepEqual([of, whole], [100, true]);
      const genders = facets.find(({ name }: Plain) => name === "gender").values;
      const counted = (await lines("query", "by", "gender")).map(({ gender, count }) => [gender, count]);
      assert.deepEqual(genders, counted);
      const newest = await api.get("/api/table/facets");
      assert.deepEqual([newest.of, newest.whole], [112, false]);
    });

    await t.step("the dead letters", async () => {
      const { counts, letters: listed } = await one("dead-letters", "--format", "json");
      const { reasons, letters, waiting, replayed } = await api.get("/api/dead-letters");
      assert.deepEqual(reasons, counts.map(({ count, reason }: Plain) => [reason, count]));
      assert.deepEqual([waiting, replayed], [3, 0]);
      const said = ({ offset, stage, at, key, reason }: Plain) => [Number(offset), stage, at, key, reason];
      assert.deepEqual(letters.map(said), listed.map(said));
      const [{ offset, partition, topic, at }] = letters;
      assert.equal(`${topic}/${partition}`, at.slice(0, at.lastIndexOf("/")));
      const [shown] = await lines("dead-letters", "show", offset);
      const whole = await api.get(`/api/dead-letters/${offset}`);
      assert.deepEqual(said(whole), said(shown));
      assert.deepEqual(Object.fromEntries(whole.headers), shown.headers);
      assert.deepEqual(JSON.parse(whole.value), shown.value);
      const { replayed: would, refused } = await api.post("/api/dead-letters/replay", { all: true, dryRun: true });
      const dry = await userpipe(["dead-letters", "replay", "--dry-run"], options);
      assert.match(dry.stdout, new RegExp(`would replay ${would} as rows and 0 to .*, refused ${refused} again`));
      assert.deepEqual([would, refused], [0, 3]);
    });
  });
}
