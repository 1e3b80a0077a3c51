/** The page's routes: what they refuse and why, what they change, and how far they look. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteRuns } from "../src/runs/sqlite.ts";
import { deadLetterOf, deadLetterOfSource, encodeDeadLetter, type Stage } from "../src/stream/dead_letters.ts";
import { type Json, openApi, withEnds } from "./support/api.ts";
import { withFolder } from "./support/cli.ts";
import { deadLetter } from "./support/dashboard.ts";
import { eventsOf, messageOf } from "./support/poison.ts";
import { makeRecord, newRun, SCHEDULE, TARGET } from "./support/runs_record.ts";

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
    const { schedule, parts } = await api.get("/api/way");
    assert.deepEqual([schedule.led, schedule.start], [false, "userpipe ingest --every 1m"]);
    assert.match(`${parts[1].why}: ${parts[1].hint}`, /No process runs the schedule.*userpipe ingest --every 1m, or/);
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

Deno.test("what a replay refuses again is counted by reason, and waits at the part that refused it", () =>
  withEnds(async (api) => {
    const [event, other] = eventsOf("bad", 2);
    const onTopic = (offset: bigint, value: unknown, stage: Stage) =>
      deadLetterOf("users_created", { ...messageOf(value as typeof event), partition: 0, offset }, stage, "once bad");
    const bytes = new TextEncoder().encode("no JSON");
    const letters = [
      ...[0, 1, 2].map((n) => deadLetterOfSource("run", n, bytes, Date.now(), "not JSON")),
      onTopic(3n, { ...event!, email: 7 }, "stream"),
      onTopic(4n, other, "store"),
      deadLetterOf("elsewhere", { ...messageOf(event!), partition: 0, offset: 5n }, "stream", "once bad"),
    ];
    const broker = await api.deps.ends.broker();
    await broker.publish("users_created.dlq", letters.map((letter) => encodeDeadLetter(letter, Date.now())));
    const waits = async () => {
      const { parts, deadLetters } = await api.get("/api/way");
      assert.equal(deadLetters, 6);
      return parts.map((part: Json) => part.waits.find(({ what }: Json) => what === "dead letters")?.count);
    };
    assert.deepEqual(await waits(), [3, undefined, undefined, 2, 1]);
    const { replayed, refused, reasons, elsewhere, named } = await api.post("/api/dead-letters/replay", { all: true });
    assert.deepEqual([replayed, refused, elsewhere, named.length], [1, 4, 1, 4]);
    assert.deepEqual(reasons.map(([, count]: Json) => count), [3, 1]);
    assert.match(reasons.flat().join(), /^not JSON,3,email: .*,1$/);
  }));
