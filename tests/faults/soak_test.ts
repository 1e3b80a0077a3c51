/** Ten minutes at 2,000 records a second with an outage in the middle (long run only): memory does not grow. */
import assert from "node:assert/strict";
import { type Running, until, withFolder } from "../support/cli.ts";
import { cassandraEnds, kafkaEnds } from "../support/ends.ts";
import { reported } from "../support/fault_report.ts";
import { cannotStart, ownCassandra, ownKafka, pause } from "../support/own_services.ts";
import { idsOf, Rig } from "../support/rig.ts";
import { LONG } from "../support/size.ts";

const MINUTES = 10;
const A_SECOND = 2_000;
const OUTAGE_MS = 20_000;
/** Of the second minute's. */
const MOST_GROWTH = 1.15;

const missing = LONG ? await cannotStart() : "it takes ten minutes: only in the long run";
const ignore = missing !== undefined || Deno.build.os !== "linux";

function residentMb(running: Running): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${running.pid}/status`))?.[1]) / 1024;
}

/** The mean resident memory of a minute, by its number. */
function sampled(running: Running) {
  const started = Date.now();
  const minutes: number[][] = [];
  const timer = setInterval(() => {
    (minutes[Math.floor((Date.now() - started) / 60_000)] ??= []).push(residentMb(running));
  }, 1_000);
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return { end: () => clearInterval(timer), minute: (n: number) => mean(minutes[n]!) };
}

/** Runs of ingest with known seeds at the pace of the clock. @returns the seeds */
async function ingestAtPace(rig: Rig): Promise<string[]> {
  const started = Date.now();
  const seeds: string[] = [];
  // Ten seconds' worth a run: the start of a process would be much of a shorter one.
  for (let second = 0; second < MINUTES * 60; second += 10) {
    seeds.push(`soak-${second}`);
    await rig.ingest(seeds.at(-1)!, 10 * A_SECOND);
    await pause(started + (second + 10) * 1_000 - Date.now());
  }
  return seeds;
}

Deno.test({
  name: `a soak of ${MINUTES} minutes${ignore ? ` (skipped: ${missing ?? "it wants Linux"})` : ""}`,
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using kafka = await ownKafka(folder);
      await using cassandra = await ownCassandra(folder);
      const fault = `${MINUTES} minutes at ${A_SECOND} records/s, Cassandra stopped for ${
        OUTAGE_MS / 1000
      } s in the middle`;
      await withFolder((cwd) =>
        reported({ suite: "soak", fault, ends: "Kafka and Cassandra" }, async () => {
          const rig = new Rig(cwd, { ...kafkaEnds(kafka.endpoint), ...cassandraEnds(cassandra.endpoint) });
          await rig.init();
          await using stream = rig.start("stream");
          const memory = sampled(stream);
          try {
            const outage = pause(MINUTES * 30_000).then(async () => {
              await cassandra.stop();
              await pause(OUTAGE_MS);
              await cassandra.start();
            });
            const [seeds] = await Promise.all([ingestAtPace(rig), outage]);
            const records = seeds.length * 10 * A_SECOND;
            await until(async () => await rig.committed() === records, 120_000, () => stream.output);
            const [second, last] = [memory.minute(1), memory.minute(MINUTES - 1)];
            assert.ok(last < second * MOST_GROWTH, `${second} MB in the second minute, ${last} MB in the last`);
            stream.signal("SIGTERM");
            memory.end();
            assert.equal(await stream.ended, 0, stream.output);
            const seen = `${Math.round(second)} MB in the second minute, ${Math.round(last)} MB in the last`;
            return { times: 1, seen, ...await rig.complete(idsOf(10 * A_SECOND, ...seeds)) };
          } finally {
            memory.end();
          }
        })
      );
    }),
});
