/** The page's routes: what they refuse and why, what they change, and how far they look. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { MOST_SEARCHED } from "../src/dashboard/views/messages.ts";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { openSqliteStore } from "../src/store/sqlite.ts";
import { TABLE } from "../src/users/created_user.ts";
import { type Api, openApi } from "./support/api.ts";
import { withFolder } from "./support/cli.ts";
import { deadLetter } from "./support/dashboard.ts";
import { eventsOf, messageOf } from "./support/poison.ts";
import { makeRecord, newRun, SCHEDULE, TARGET } from "./support/runs_record.ts";

const TOPIC = { partitions: 2, replication: 1, retentionMs: -1, retentionBytes: -1 };

/** Empty topics and an empty table. */
async function withEnds(work: (api: Api, cwd: string) => Promise<void>): Promise<void> {
  await withFolder(async (cwd) => {
    const dataDir = join(cwd, "userpipe-data");
    const broker = openSqliteBroker({ path: join(dataDir, "topics.db") });
    await broker.init([{ ...TOPIC, name: "users_created" }, { ...TOPIC, name: "users_created.dlq", partitions: 1 }], {
      dryRun: false,
    });
    await broker.close();
    const store = openSqliteStore({ dataDir, table: TABLE });
    await store.init({ migrate: false, dryRun: false });
    await store.close();
    await using api = openApi(cwd);
    await work(api, cwd);
  });
}

/** The record of runs, for what another process does meanwhile. */
async function onRecord<T>(cwd: string, work: (runs: ReturnType<typeof openSqliteRuns>) => Promise<T>): Promise<T> {
  const runs = openSqliteRuns(join(cwd, "userpipe-data", "runs.db"));
  try {
    return await work(runs);
  } finally {
    await runs.close();
  }
}

const LONG = "x".repeat(10_001);

const BAD: [path: string, why: RegExp][] = [
  ["/api/way?a=1", /Unrecognized key: "a"/],
  ["/api/runs?limit=0", /"limit": it takes a whole number from 1 to 1000/],
  ["/api/runs?limit=1001", /from 1 to 1000/],
  ["/api/runs?limit=1e3", /"limit"/],
  ["/api/runs?limit=", /"limit"/],
  ["/api/runs?state=done", /"state": it takes queued, running/],
  ["/api/runs?kind=other", /"kind": it takes scheduled, manual, backfill/],
  [`/api/runs/${"r".repeat(201)}`, /"id": it is longer/],
  ["/api/runs/a?b=1", /Unrecognized key/],
  ["/api/stats?since=7d", /Unrecognized key/],
  ["/api/live?minutes=16", /"minutes": it takes a whole number from 1 to 15/],
  ["/api/live?minutes=-1", /"minutes"/],
  ["/api/topic?name=other", /Unrecognized key/],
  ["/api/messages?partition=a", /"partition"/],
  ["/api/messages?partition=-1", /"partition"/],
  ["/api/messages?partition=7", /has no partition 7/],
  ["/api/messages?key=a&partition=7", /has no partition 7/],
  ["/api/messages?offset=3", /An offset alone names no place/],
  ["/api/messages?partition=0&offset=-3", /"offset": it takes an offset/],
  ["/api/messages?partition=0&offset=1234567890123456789", /"offset"/],
  ["/api/messages?partition=0&offset=3&at=5", /name two places/],
  ["/api/messages?key=a&at=5", /name two places/],
  ["/api/messages?at=2026-01-01", /"at": it takes a whole number/],
  ["/api/messages?at=9999999999999999", /"at"/],
  ["/api/messages?limit=501", /"limit": it takes a whole number from 1 to 500/],
  [`/api/messages?key=${LONG}`, /"key": it is longer/],
  ["/api/messages/a/1", /part of the address "partition"/],
  ["/api/messages/0/a", /part of the address "offset"/],
  ["/api/messages/9/1", /has no partition 9/],
  ["/api/table?a=1", /Unrecognized key/],
  ["/api/table/newest?limit=501", /"limit"/],
  ["/api/table/row/7", /"7" is not a UUID/],
  ["/api/table/facets?all=yes", /"all": it takes 0 or 1/],
  ["/api/dead-letters?limit=501", /"limit"/],
  [`/api/dead-letters?reason=${LONG}`, /"reason": it is longer/],
  ["/api/dead-letters/a", /"offset"/],
];

const BAD_BODIES: [path: string, body: unknown, why: RegExp][] = [
  ["/api/runs/trigger", "{", /The body is not JSON/],
  ["/api/runs/trigger", "[]", /expected object/],
  ["/api/runs/trigger", "null", /expected object/],
  ["/api/runs/trigger", { count: 0 }, /"count": it takes a whole number from 1/],
  ["/api/runs/trigger", { count: 1.5 }, /"count"/],
  ["/api/runs/trigger", { count: "5" }, /"count"/],
  ["/api/runs/trigger", { url: "http://elsewhere" }, /Unrecognized key/],
  ["/api/runs/a/retry", { count: 1 }, /Unrecognized key/],
  ["/api/schedule/pause", { for: 1 }, /Unrecognized key/],
  ["/api/schedule/resume", "x", /The body is not JSON/],
  ["/api/dead-letters/replay", {}, /It is not said which letters/],
  ["/api/dead-letters/replay", { reason: "" }, /It is not said which letters/],
  ["/api/dead-letters/replay", { all: true, reason: "a" }, /It is not said which letters/],
  ["/api/dead-letters/replay", { all: false }, /"all": it takes true/],
  ["/api/dead-letters/replay", { all: true, dryRun: 1 }, /"dryRun": it takes true or false/],
  ["/api/dead-letters/replay", { offset: 3 }, /"offset"/],
  ["/api/dead-letters/replay", { offset: "-3" }, /"offset"/],
];

Deno.test("what is asked wrongly is refused with 400, and says what each parameter takes", () =>
  withEnds(async (api) => {
    for (const [path, why] of BAD) {
      const [status, message] = await api.refusal(path);
      assert.equal(status, 400, `${path}: ${message}`);
      assert.match(message, why, path);
    }
    for (const [path, body, why] of BAD_BODIES) {
      const [status, message] = await api.refusal(path, body);
      assert.equal(status, 400, `${path} ${JSON.stringify(body)}: ${message}`);
      assert.match(message, why, path);
    }
  }));

Deno.test("what is not there is said with 404, and where it went", () =>
  withEnds(async (api) => {
    const broker = await api.deps.ends.broker();
    await broker.publish("users_created", eventsOf("one", 1).map((event) => messageOf(event)));
    const { partitions } = await api.get("/api/topic");
    const { partition } = partitions.find(({ end }: { end: string }) => end === "1");
    const cases: [path: string, why: RegExp][] = [
      ["/api/runs/none", /No run "none" is on record/],
      [`/api/messages/${partition}/1`, /There is no message at \d\/1 of "users_created"/],
      ["/api/table/row/0f0e0d0c-0b0a-4908-8706-000000000000", /has no row/],
      ["/api/dead-letters/0", /There is no dead letter at offset 0/],
    ];
    for (const [path, why] of cases) {
      const [status, message] = await api.refusal(path);
      assert.equal(status, 404, `${path}: ${message}`);
      assert.match(message, why, path);
    }
    const [status] = await api.refusal("/api/dead-letters/replay", { offset: "0" });
    assert.equal(status, 404);
    assert.equal((await api.refusal("/api/runs/none/retry", {}))[0], 404);
  }));

Deno.test("where nothing is made yet, the way is told all the same, what is not there is said, and looking makes no file", () =>
  withFolder(async (cwd) => {
    await using api = openApi(cwd);
    const way = await api.get("/api/way");
    assert.deepEqual([way.rows, way.lag, way.deadLetters, way.schedule, way.lastRun], [null, null, null, null, null]);
    const [source, ingest, broker, stream, store] = way.parts;
    assert.deepEqual([broker.state, store.state, source.state], ["down", "down", "idle"]);
    assert.match(broker.why, /There is no topic "users_created"/);
    assert.match(`${ingest.why} ${stream.why}`, /No schedule is on record.*No process carries the topic/);
    for (const path of ["topic", "messages", "table/newest", "table/facets", "dead-letters"]) {
      assert.equal((await api.refusal(`/api/${path}`))[0], 404, path);
    }
    const table = await api.get("/api/table");
    assert.deepEqual([table.count, table.columns[0]], [null, "id"]);
    assert.match(table.why, /There is no table/);
    assert.deepEqual((await api.get("/api/runs")).runs, []);
    assert.deepEqual((await api.get("/api/live")).processes, []);
    assert.deepEqual(await Array.fromAsync(Deno.readDir(cwd)), []);
  }));

Deno.test("a run is asked for where a process makes it, as the schedule's last one with a seed of its own, and else refused", () =>
  withEnds(async (api, cwd) => {
    const [status, message] = await api.refusal("/api/runs/trigger", {});
    assert.equal(status, 409);
    assert.match(message, /No process runs a schedule for the topic "users_created"/);
    await onRecord(cwd, async (runs) => {
      const definition = { every: 60_000 };
      const lead = (await runs.lead({ name: SCHEDULE, text: "every 1m", definition, target: TARGET }))!;
      const time = Math.floor(Date.now() / 60_000) * 60_000;
      const run = newRun("first", "scheduled", { scheduledAt: time, count: 40 });
      await runs.tick(lead, [{ time, state: "skipped", run }]);
      const { id } = await api.post("/api/runs/trigger");
      const { id: other } = await api.post("/api/runs/trigger", { count: 7 });
      const [asked, counted] = await Promise.all([runs.get(id), runs.get(other)]);
      assert.deepEqual([asked!.kind, asked!.state, asked!.count], ["manual", "queued", 40]);
      assert.deepEqual([counted!.count, counted!.source], [7, "https://randomuser.me"]);
      assert.equal(new Set(["s", asked!.seed, counted!.seed]).size, 3);
    });
  }));

Deno.test("a run that has ended is tried again where a process makes it; one under way or of a backfill is not", () =>
  withEnds(async (api, cwd) => {
    await makeRecord(cwd);
    const refused = async (id: string) => await api.refusal(`/api/runs/${id}/retry`, {});
    assert.match((await refused("failed-1"))[1], /No process runs a schedule/);
    await onRecord(cwd, async (runs) => {
      await runs.lead({ name: SCHEDULE, text: "every 1m", definition: { every: 60_000 }, target: TARGET });
      assert.deepEqual(await api.post("/api/runs/failed-1/retry"), {});
      assert.equal((await runs.get("failed-1"))!.state, "queued");
      assert.deepEqual(await refused("failed-1"), [409, "The run failed-1 is queued already"]);
      const [status, why] = await refused("queued-1");
      assert.equal(status, 409);
      assert.match(why, /The pages of a backfill/);
    });
  }));

Deno.test("the schedule is paused and resumed, and where none is on record that is said", () =>
  withEnds(async (api, cwd) => {
    const [status, message] = await api.refusal("/api/schedule/pause", {});
    assert.deepEqual([status, message], [409, `No schedule "${SCHEDULE}" is on record`]);
    await makeRecord(cwd);
    assert.equal((await api.get("/api/runs")).next.length, 3);
    await api.post("/api/schedule/pause");
    const { next, schedules } = await api.get("/api/runs");
    assert.deepEqual([next, typeof schedules[0].pausedAt], [[], "number"]);
    assert.equal((await onRecord(cwd, (runs) => runs.schedules()))[0]!.pausedAt, schedules[0].pausedAt);
    await api.post("/api/schedule/resume");
    assert.equal((await api.get("/api/runs")).schedules[0].pausedAt, null);
  }));

Deno.test("dead letters are replayed one by one, by reason or all, after a look that changes nothing", () =>
  withEnds(async (api, cwd) => {
    await deadLetter(cwd, "once bad");
    const replay = (asked: Record<string, unknown>) => api.post("/api/dead-letters/replay", asked);
    const waiting = async () => (await api.get("/api/dead-letters")).waiting;
    const count = async () => (await (await api.deps.ends.store()).count());
    for (const which of [{ all: true }, { offset: "0" }, { reason: "ONCE" }]) {
      assert.equal((await replay({ ...which, dryRun: true })).replayed, 1, JSON.stringify(which));
    }
    assert.deepEqual([await waiting(), await count()], [1, 0]);
    assert.equal((await replay({ reason: "another" })).replayed, 0);
    assert.equal(await waiting(), 1);

    const { replayed, rows, published, refused, named } = await replay({ offset: "0" });
    assert.deepEqual([replayed, rows, published, refused, named], [1, 1, 0, 0, []]);
    assert.deepEqual([await waiting(), await count()], [0, 1]);
    const [status, message] = await api.refusal("/api/dead-letters/replay", { offset: "0" });
    assert.equal(status, 409);
    assert.match(message, /at offset 0 does not wait any more/);
    assert.match((await api.refusal("/api/dead-letters/1"))[1], /but the marker that 0 was replayed/);

    await deadLetter(cwd, "once bad");
    assert.equal((await replay({ reason: "once" })).replayed, 1);
    assert.equal((await replay({ all: true })).replayed, 0);
  }));

Deno.test("a search by key ends after so many messages and says so, and finds the newest first", () =>
  withEnds(async (api) => {
    const broker = await api.deps.ends.broker();
    const [event, ...others] = eventsOf("many", 101);
    const at = Date.now() - 1_000_000;
    const key = event!.id;
    for (const timestamp of [at, at + 1, at + 2]) {
      await broker.publish("users_created", [messageOf(event!, { timestamp })]);
    }
    assert.deepEqual((await api.get(`/api/messages?key=${key}&limit=3`)).more, false);
    const { messages, more } = await api.get(`/api/messages?key=${key}&limit=2`);
    assert.deepEqual([messages.map(({ timestamp }: { timestamp: number }) => timestamp), more], [
      [at + 2, at + 1],
      true,
    ]);

    const value = new Uint8Array(1);
    for (let round = 0; round < MOST_SEARCHED / 2_000; round++) {
      const filling = Array.from({ length: 20 }, () => others).flat();
      await broker.publish("users_created", filling.map((each) => messageOf(each, { value, timestamp: at + 10 })));
    }
    assert.deepEqual(await api.get(`/api/messages?key=${key}`), { messages: [], more: true });
    const { partition } = messages[0];
    const there = await api.get(`/api/messages?key=${key}&partition=${partition}`);
    assert.equal(there.messages.length, 3, "one partition has fewer to look at");
  }));

Deno.test("a message is shown as what it is: cut in a list and whole alone, bytes in hexadecimal, and why it is refused", () =>
  withEnds(async (api) => {
    const broker = await api.deps.ends.broker();
    const [event] = eventsOf("one", 1);
    const long = { ...event!, first_name: "é😀".repeat(400), last_name: "<script>alert(1)</script>" };
    const key = new TextEncoder().encode("one");
    await broker.publish("users_created", [
      messageOf(long, { key, timestamp: 1_000 }),
      messageOf(event!, { key, value: Uint8Array.of(0xff, 0x01), timestamp: 2_000 }),
      messageOf(event!, { key, value: null, timestamp: 3_000 }),
    ]);
    const [none, bytes, text] = (await api.get("/api/messages")).messages;
    assert.deepEqual([none.value, none.bytes, none.why], ["", 0, "the value is null: deletes are not carried"]);
    assert.deepEqual([bytes.value, bytes.bytes, bytes.why], ["0xff01", 2, "not UTF-8"]);
    const json = JSON.stringify(long);
    assert.equal(text.value, `${json.slice(0, 300)}…`);
    assert.equal(text.bytes, new TextEncoder().encode(json).length);
    assert.deepEqual([text.key, text.timestamp, text.why], ["one", 1_000, undefined]);
    const whole = await api.get(`/api/messages/${text.partition}/${text.offset}`);
    assert.equal(whole.value, json);
    assert.equal(whole.event.last_name, "<script>alert(1)</script>");
  }));
