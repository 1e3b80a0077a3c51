/**
 * SIGKILL at random instants, and SIGSTOP, of a process that keeps a schedule of every minute. The test drives its clock; everything
 * else is the program as it is. Every minute has to be on record once, with what became of it.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Run } from "../../src/runs/runs.ts";
import { openSqliteRuns } from "../../src/runs/sqlite.ts";
import { type Running, until } from "../support/cli.ts";
import { EMBEDDED, type FaultCase, faultTests } from "../support/fault_cases.ts";
import type { Outcome } from "../support/fault_report.ts";
import { serveGenerated } from "../support/generated_server.ts";
import type { RandomUserServer } from "../support/randomuser_server.ts";
import { idsOf, type Rig } from "../support/rig.ts";
import { MINUTE } from "../support/schedule.ts";
import { sized } from "../support/size.ts";

/** Records of a run. */
const COUNT = 500;
/** A process is killed within so long of its start, or of when it leads, in ms. */
const LIVES_MS = 700;
/** An answer takes so long at the most, so that many a run is under way when it is killed. */
const ANSWER_MS = 150;
/** A minute takes so long at the most, where a process is killed and where one of two is frozen. */
const STEP_MS = { killed: 150, frozen: 1_000 };

const LEADS = "This process makes the runs of the schedule";

/** A clock in a file, which the process looks at. */
class FileClock {
  readonly path: string;
  readonly start: number;
  time: number;

  constructor(folder: string) {
    this.path = join(folder, "clock");
    this.start = this.time = Math.ceil(Date.now() / MINUTE) * MINUTE;
    this.set(this.time);
  }

  set(time: number): void {
    this.time = time;
    Deno.writeTextFileSync(`${this.path}.new`, String(time));
    Deno.renameSync(`${this.path}.new`, this.path);
  }

  /** A minute after the other, each within so many ms, until it is stopped. */
  async run(stepMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(Math.random() * stepMs);
      this.set(this.time + MINUTE);
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Kills it at any instant behind its start or, where it is to lead first, behind that. */
async function killed(running: Running, leadsFirst: boolean): Promise<void> {
  if (leadsFirst) await running.printed(LEADS);
  await pause(Math.random() * LIVES_MS);
  running.signal("SIGKILL");
  assert.equal(await running.ended, 137, running.output);
}

async function recorded(rig: Rig): Promise<Run[]> {
  const runs = openSqliteRuns(join(rig.settings().dataDir, "runs.db"), { make: false });
  try {
    return (await runs.list({ limit: 1_000_000 })).reverse();
  } finally {
    await runs.close();
  }
}

/** Resolves once so many runs are on record, and none is left to be made or fetched again. */
async function settled(rig: Rig, last: Running, atLeast: number): Promise<Run[]> {
  let runs: Run[] = [];
  const done = async () => {
    runs = await recorded(rig);
    return runs.length >= atLeast && runs.every(({ state }) => !["queued", "running", "interrupted"].includes(state));
  };
  await until(done, 60_000, () => `${runs.map(({ state }) => state)}\n${last.output}`);
  return runs;
}

/** A schedule of every minute on a folder, whose records come from a server. */
class Kept {
  readonly rig: Rig;
  readonly clock: FileClock;
  readonly #stop = new AbortController();
  readonly #ticking: Promise<void>;

  private constructor(given: Rig, readonly server: RandomUserServer, stepMs: number) {
    this.clock = new FileClock(given.cwd);
    this.rig = given.with({ USERPIPE_TEST_TICKS: this.clock.path });
    this.#ticking = this.clock.run(stepMs, this.#stop.signal);
  }

  static async on(rig: Rig, server: RandomUserServer, stepMs: number): Promise<Kept> {
    await rig.init();
    return new Kept(rig, server, stepMs);
  }

  process(): Running {
    return this.rig.start("ingest", "--every", "1m", "--url", this.server.url, "--count", String(COUNT));
  }

  /** Stops the clock, ends it by this last process, and says that every minute became what it is on record as. */
  async ends(last: Running, times: number): Promise<Outcome> {
    const { rig, clock, server } = this;
    this.#stop.abort();
    await this.#ticking;
    const { length } = await settled(rig, last, 1);
    clock.set(clock.time + MINUTE);
    const found = await settled(rig, last, length + 1);
    last.signal("SIGTERM");
    assert.equal(await last.ended, 0, last.output);

    const minutes = found.map(({ scheduledAt }) => (scheduledAt! - clock.start) / MINUTE).sort((a, b) => a - b);
    assert.deepEqual(minutes, Array.from(minutes, (_, n) => minutes[0]! + n), "every minute from the first on, once");
    assert.equal(minutes.at(-1), (clock.time - clock.start) / MINUTE);
    const asked = new Set(server.requests.map(({ searchParams }) => searchParams.get("seed")!));
    const seedsOf = (state: Run["state"]) => found.filter((run) => run.state === state).map(({ seed }) => seed!);
    const made = seedsOf("delivered");
    assert.deepEqual(new Set(made), asked, "what was made is on record so, and nothing else");
    await rig.drain();
    const counts = (["delivered", "missed", "skipped"] as const).map((state) => `${seedsOf(state).length} ${state}`);
    assert.equal(seedsOf("missed").length + seedsOf("skipped").length + made.length, minutes.length);
    const again = found.filter(({ attempts }) => attempts > 1).length;
    const seen = `${minutes.length} minutes: ${counts.join(", ")}; ${again} fetched again`;
    return { times, ...await rig.complete(idsOf(COUNT, ...made)), seen };
  }
}

function killing(kills: number): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await using server = serveGenerated(COUNT, ANSWER_MS);
    const kept = await Kept.on(rig, server, STEP_MS.killed);
    for (let n = 0; n < kills; n++) await killed(kept.process(), n % 3 > 0);
    await using last = kept.process();
    return await kept.ends(last, kills);
  };
  return { fault: `a schedule killed ${kills} times`, ends: EMBEDDED, work };
}

const STANDS_BY = "Another process makes the runs of the schedule";
const HELD = "another process holds it";
const said = ({ output }: Running, what: string) => output.split(what).length - 1;

/** Two processes on one folder; the one that leads is frozen until the other has taken over, or killed. */
function takingOver(times: number): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await using server = serveGenerated(COUNT, ANSWER_MS);
    const kept = await Kept.on(rig, server, STEP_MS.frozen);
    await using processes = new AsyncDisposableStack();
    const begun = () => processes.use(kept.process());
    let leader = begun();
    await leader.printed(LEADS);
    let other = begun();
    await other.printed(STANDS_BY);
    for (let n = 0; n < times;) {
      await pause(Math.random() * 500);
      const freezes = n % 2 === 0;
      const [led, stoodBy, held] = [said(other, LEADS), said(leader, STANDS_BY), said(other, HELD)];
      leader.signal(freezes ? "SIGSTOP" : "SIGKILL");
      await until(() => said(other, LEADS) > led || said(other, HELD) > held, 30_000, () => other.output);
      if (freezes) leader.signal("SIGCONT");
      // Frozen in the middle of a transaction it has SQLite's lock, and nobody can take over.
      if (said(other, LEADS) === led) continue;
      n++;
      [leader, other] = [other, freezes ? leader : begun()];
      await until(() => said(other, STANDS_BY) > (freezes ? stoodBy : 0), 30_000, () => other.output);
    }
    other.signal("SIGTERM");
    assert.equal(await other.ended, 0, other.output);
    return await kept.ends(leader, times);
  };
  return { fault: `two processes on one schedule, the leader frozen or killed ${times} times`, ends: EMBEDDED, work };
}

faultTests("a schedule killed at random instants", [killing(sized(10, 100)), takingOver(sized(2, 20))], { atOnce: 2 });
