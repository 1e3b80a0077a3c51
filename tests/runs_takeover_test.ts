/**
 * Three processes on one schedule, their record in a real Postgres: whoever leads is killed or frozen at any instant, and
 * another goes on, so that each due time has one run, which ends once, and the table has exactly the records of the runs.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openPostgresRuns } from "../src/runs/postgres.ts";
import { type Running, start, until, withFolder } from "./support/cli.ts";
import { realEnds } from "./support/fault_cases.ts";
import { pause } from "./support/own_services.ts";
import { IGNORE, SKIPPED, testPostgres, withSql } from "./support/postgres.ts";
import { type RandomUserServer, serveRandomUsers } from "./support/randomuser_server.ts";
import { type ApiRecord, records } from "./support/records.ts";
import { Rig } from "./support/rig.ts";
import { type Services, serviceTest } from "./support/services.ts";
import { sized } from "./support/size.ts";

const TAKEOVERS = sized(5, 25);
const PROCESSES = 3;
const COUNT = 20;
const MINUTE = 60_000;
/** Who died holds it for 10 s, and 10 more where the machine stood still and nobody could say that he lives. */
const TAKEN_WITHIN_MS = 60_000;
const MOSTLY_WITHIN_MS = 15_000;

/** The clock of all processes of a schedule. */
class TestClock {
  #now = Math.floor(Date.now() / MINUTE) * MINUTE;
  constructor(readonly path: string) {
    this.advance();
  }
  advance(): void {
    this.#now += MINUTE;
    // Whoever reads it meanwhile must not find half of it.
    Deno.writeTextFileSync(`${this.path}.new`, String(this.#now));
    Deno.renameSync(`${this.path}.new`, this.path);
  }
}

/** What one schedule is kept by. */
interface Group {
  rig: Rig;
  url: string;
  clock: TestClock;
  server: RandomUserServer<ApiRecord>;
  members: Running[];
  started: number;
}

function begin(group: Group): void {
  const { rig, url, clock, server, members } = group;
  const cwd = join(rig.cwd, `process-${++group.started}`);
  Deno.mkdirSync(cwd);
  const args = ["ingest", "--every", "1m", "--url", server.url, "--count", String(COUNT)];
  const env = { ...rig.env, USERPIPE_RUNS: url, USERPIPE_TEST_TICKS: clock.path };
  members.push(start(args, { cwd, env }));
}

const leads = ({ output }: Running) =>
  output.lastIndexOf("This process makes the runs") > output.lastIndexOf("Another process makes the runs");

const outputOf = ({ members }: Group) => members.map(({ output }, n) => `-- ${n}:\n${output}`).join("\n");

/** Ends whoever leads, or freezes it until another does. @returns how long it took, in ms */
async function takeOver(group: Group, signal: "SIGKILL" | "SIGSTOP"): Promise<number> {
  const { members, clock } = group;
  await until(() => members.some(leads), 30_000, () => `nobody leads:\n${outputOf(group)}`);
  const leader = members.find(leads)!;
  const others = members.filter((each) => each !== leader);
  clock.advance();
  await pause(300 * Math.random());
  clock.advance();
  await pause(60 * Math.random());
  leader.signal(signal);
  const from = performance.now();
  let ticked = from;
  await until(
    () => {
      if (performance.now() - ticked > 2_000) {
        clock.advance();
        ticked = performance.now();
      }
      return others.some(leads);
    },
    TAKEN_WITHIN_MS,
    () => `nobody takes over within ${TAKEN_WITHIN_MS} ms:\n${outputOf(group)}`,
  );
  const took = performance.now() - from;
  if (signal === "SIGSTOP") {
    leader.signal("SIGCONT");
    await until(() => !leads(leader), 30_000, () => `it does not see that it leads no more:\n${outputOf(group)}`);
  } else {
    assert.equal(await leader.ended, 137);
    members.splice(members.indexOf(leader), 1);
    begin(group);
  }
  return took;
}

/** Every run has come to its end. */
async function settled(url: string, group: Group): Promise<void> {
  const runs = openPostgresRuns({ url });
  const { pipeline, broker, topic } = {
    pipeline: "users",
    broker: "kafka" as const,
    topic: group.rig.env.KAFKA_TOPIC!,
  };
  const states = ["queued", "running", "interrupted"] as const;
  const left = () => runs.list({ states, target: { pipeline, broker, topic } });
  try {
    await until(async () => (await left()).length === 0, 60_000, () => `runs do not end:\n${outputOf(group)}`);
  } finally {
    await runs.close();
  }
}

interface RunOnRecord {
  at: number;
  state: string;
  seed: string;
  /** How many of its attempts ended. */
  ends: number;
}

async function onRecord(url: string, schedule: string): Promise<RunOnRecord[]> {
  return await withSql(url, (sql) =>
    sql<RunOnRecord[]>`
      SELECT extract(epoch FROM scheduled_at)::float8 * 1000 AS at, state, seed,
        (SELECT count(*)::int FROM userpipe.attempt WHERE attempt.run = seq AND attempt.ended_at IS NOT NULL) AS ends
      FROM userpipe.run WHERE schedule = (SELECT id FROM userpipe.schedule WHERE name = ${schedule})
      ORDER BY scheduled_at`);
}

async function takeovers(services: Services, url: string, cwd: string, signal: "SIGKILL" | "SIGSTOP"): Promise<void> {
  const rig = new Rig(cwd, realEnds(services));
  await rig.init();
  await using server = serveRandomUsers(records(50_000));
  const clock = new TestClock(join(cwd, "clock"));
  const group: Group = { rig, url, clock, server, members: [], started: 0 };
  try {
    for (let n = 0; n < PROCESSES; n++) begin(group);
    const took: number[] = [];
    for (let n = 0; n < TAKEOVERS; n++) took.push(await takeOver(group, signal));
    console.log(`${signal}: ${took.map((ms) => (ms / 1_000).toFixed(1)).join(", ")} s to take over`);
    assert.ok(took.sort((a, b) => a - b)[took.length >> 1]! < MOSTLY_WITHIN_MS, `mostly within ${MOSTLY_WITHIN_MS} ms`);
    await settled(url, group);
    // One that was only just started is ended by the system, before it hears signals itself.
    const up = () => group.members.every(({ output }) => output.includes("Ingesting"));
    await until(up, 30_000, () => `they do not start:\n${outputOf(group)}`);
    for (const member of group.members) member.signal("SIGTERM");
    for (const member of group.members) assert.equal(await member.ended, 0, member.output);
  } finally {
    for (const member of group.members) await member[Symbol.asyncDispose]();
  }

  const runs = await onRecord(url, `users/${rig.env.KAFKA_TOPIC}`);
  const first = runs[0]!.at;
  assert.deepEqual(runs.map(({ at }) => at), runs.map((_, n) => first + n * MINUTE), "each due time has one run");
  const delivered = runs.filter(({ state }) => state === "delivered");
  assert.deepEqual(runs.filter(({ state }) => !["delivered", "missed", "skipped"].includes(state)), []);
  assert.ok(delivered.length > TAKEOVERS, `${delivered.length} runs were delivered`);
  assert.deepEqual(delivered.filter(({ ends }) => ends !== 1), [], "each ended once");
  const seeds = new Set(delivered.map(({ seed }) => seed));
  assert.equal(seeds.size, delivered.length);
  for (const { searchParams } of server.requests) {
    assert.ok(seeds.has(searchParams.get("seed")!), "its run is on record");
  }
  const ids = new Set(server.served.map(({ login }) => String(login.uuid)));
  assert.equal(ids.size, COUNT * delivered.length);
  await rig.drain();
  await rig.complete(ids);
}

serviceTest(
  `three processes on one schedule: ${
    2 * TAKEOVERS
  } takeovers by SIGKILL and by SIGSTOP leave one run a due time${SKIPPED}`,
  async (services) => {
    await using own = await testPostgres();
    const url = await own.database();
    const signals = ["SIGKILL", "SIGSTOP"] as const;
    // Most of their time is waiting.
    await Promise.all(signals.map((signal) => withFolder((cwd) => takeovers(services, url, cwd, signal))));
  },
  { ignore: IGNORE },
);
