/**
 * SIGKILL from outside at random instants, over ingest and stream at once, each started again until it is done, and over
 * ingest from a server, where the next start has to find what is missing.
 */
import assert from "node:assert/strict";
import { EMBEDDED, type FaultCase, faultTests, REAL } from "../support/fault_cases.ts";
import { serveGenerated } from "../support/generated_server.ts";
import { idsOf, type Rig } from "../support/rig.ts";
import { sized } from "../support/size.ts";

/** Records of a run of ingest: enough that most are killed in the middle of it. */
const RUN = 10_000;
/** Of one over HTTP: two pages. */
const FETCHED = 6_000;

/** How many kills, and within how many ms of a start. A Kafka waits 10 s for a member that was killed. */
interface Plan {
  ingest: { kills: number; withinMs: number };
  stream: { kills: number; withinMs: number };
}

/** Starts the command and kills it at a random instant. @returns its exit code */
async function killedWithin(ms: number, rig: Rig, ...args: string[]): Promise<number> {
  const running = rig.start(...args);
  const timer = setTimeout(() => {
    try {
      running.signal("SIGKILL");
    } catch (error) {
      // It ended at the same instant.
      if (!(error instanceof TypeError)) throw error;
    }
  }, Math.random() * ms);
  const code = await running.ended;
  clearTimeout(timer);
  assert.ok([0, 137].includes(code), `it ended with ${code}:\n${running.output}`);
  return code;
}

/** Runs of ingest with known seeds, each started again until it was not killed. @returns the seeds */
async function ingestAll(rig: Rig, { kills, withinMs }: Plan["ingest"]): Promise<string[]> {
  const seeds: string[] = [];
  for (let killed = 0; killed < kills;) {
    const seed = `random-${seeds.length}`;
    const args = ["ingest", "--generate", String(RUN), "--seed", seed];
    seeds.push(seed);
    let code = 137;
    while (killed < kills && code === 137) {
      code = await killedWithin(withinMs, rig, ...args);
      if (code === 137) killed++;
    }
    if (code === 137) await rig.ingest(seed, RUN);
  }
  return seeds;
}

async function streamAll(rig: Rig, { kills, withinMs }: Plan["stream"]): Promise<void> {
  for (let killed = 0; killed < kills; killed++) {
    assert.equal(await killedWithin(withinMs, rig, "stream"), 137);
  }
}

function killing(ends: FaultCase["ends"], plan: Plan): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await rig.init();
    const [seeds] = await Promise.all([ingestAll(rig, plan.ingest), streamAll(rig, plan.stream)]);
    await rig.drain();
    const times = plan.ingest.kills + plan.stream.kills;
    return { times, ...await rig.complete(idsOf(RUN, ...seeds)) };
  };
  return { fault: `ingest killed ${plan.ingest.kills} times, stream ${plan.stream.kills} times`, ends, work };
}

/** I6: runs over HTTP, whose seeds nobody but the record knows, and none of them started again by the test. */
function cutting(kills: number, withinMs: number): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await using server = serveGenerated(FETCHED);
    await rig.init();
    const args = ["ingest", "--url", server.url, "--count", String(FETCHED)];
    for (let killed = 0; killed < kills;) if (await killedWithin(withinMs, rig, ...args) === 137) killed++;
    const { code, stderr } = await rig.run(...args);
    assert.equal(code, 0, stderr);
    await rig.drain();
    const seeds = new Set(server.requests.map(({ searchParams }) => searchParams.get("seed")!));
    const again = stderr.split("was interrupted: fetched again by its seed").length - 1;
    const seen = `${seeds.size} seeds were asked for, ${again} of them again behind the last kill`;
    return { times: kills, ...await rig.complete(idsOf(FETCHED, ...seeds)), seen };
  };
  return { fault: `ingest over HTTP killed ${kills} times`, ends: EMBEDDED, work };
}

faultTests("kill at random instants", [
  cutting(sized(10, 60), 1_000),
  killing(EMBEDDED, {
    ingest: { kills: sized(10, 60), withinMs: 1_000 },
    stream: { kills: sized(10, 60), withinMs: 1_000 },
  }),
  killing(REAL, {
    ingest: { kills: sized(12, 60), withinMs: 1_200 },
    stream: { kills: sized(3, 20), withinMs: 12_000 },
  }),
]);
