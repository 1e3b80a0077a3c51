/** A Kafka and a Cassandra that are stopped, frozen and killed under a stream and an ingest, which go on by themselves. */
import assert from "node:assert/strict";
import { type Running, withFolder } from "../support/cli.ts";
import { cassandraEnds, kafkaEnds } from "../support/ends.ts";
import { type Outcome, reported } from "../support/fault_report.ts";
import { deleteTopic, removeBelow } from "../support/kafka_admin.ts";
import { cannotStart, KILLED, ownCassandra, ownKafka, type OwnService, pause } from "../support/own_services.ts";
import { idsOf, Rig } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const AWAY_MS = sized(3_000, 30_000);
const RECORDS = sized(8_000, 200_000);
/** So that an outage falls into the middle. */
const SLOWLY = ["--max-rate", String(RECORDS / 8)];
const BEGAN = /trying again until it can be|Waiting for .*, nothing is lost/g;
const ENDED = /answers again|is back after/g;

const missing = await cannotStart();
const ignore = missing !== undefined && Deno.env.get("CI") !== "true";

/** What was said of outages: once when one begins, once when it is over. */
function said(running: Running, outages: number): string {
  const counts = [BEGAN, ENDED].map((line) => running.output.match(line)?.length ?? 0);
  assert.deepEqual(counts, [outages, outages], running.output);
  return outages === 0 ? "too short to be noticed" : "said once, and once when it was over";
}

async function ends(running: Running): Promise<void> {
  running.signal("SIGTERM");
  assert.equal(await running.ended, 0, running.output);
}

const DOWN: [what: string, down: (service: OwnService) => Promise<void>, up: (service: OwnService) => unknown][] = [
  [`stopped for ${AWAY_MS / 1000} s and started again`, (each) => each.stop(), (each) => each.start()],
  [`killed and started again after ${AWAY_MS / 1000} s`, (each) => each.kill(), (each) => each.start()],
];

async function underStream(rig: Rig, service: OwnService, down: typeof DOWN[number][1], up: typeof DOWN[number][2]) {
  await rig.init();
  await rig.ingest("before", RECORDS);
  await using stream = rig.start("stream", ...SLOWLY);
  await rig.rows(1, stream);
  await down(service);
  await pause(AWAY_MS);
  await up(service);
  await rig.ingest("behind", 1_000);
  await rig.rows(RECORDS + 1_000, stream);
  const seen = said(stream, 1);
  await ends(stream);
  return { times: 1, seen, ...await rig.complete(new Set([...idsOf(RECORDS, "before"), ...idsOf(1_000, "behind")])) };
}

async function frozen(rig: Rig, service: OwnService): Promise<Outcome> {
  await rig.init();
  await rig.ingest("s", RECORDS);
  await using stream = rig.start("stream", ...SLOWLY);
  await rig.rows(1, stream);
  service.freeze();
  await pause(AWAY_MS);
  service.thaw();
  await rig.rows(RECORDS, stream);
  const seen = said(stream, stream.output.match(BEGAN) === null ? 0 : 1);
  await ends(stream);
  return { times: 1, seen, ...await rig.complete(idsOf(RECORDS, "s")) };
}

async function underIngest(rig: Rig, kafka: OwnService): Promise<Outcome> {
  const count = 5 * RECORDS;
  await rig.init();
  await using ingest = rig.start("ingest", "--generate", String(count), "--seed", "s");
  while (await rig.published() === 0) await pause(20);
  await kafka.kill();
  await kafka.start();
  assert.equal(await ingest.ended, 0, ingest.output);
  const flush = await rig.run("outbox", "flush");
  assert.equal(flush.code, 0, flush.stderr);
  await rig.drain();
  const [, kept = "0"] = /in the outbox ([0-9,]*[0-9])/.exec(ingest.output) ?? [];
  return { times: 1, seen: `${kept} went through the outbox`, ...await rig.complete(idsOf(count, "s")) };
}

async function madeAgain(rig: Rig, kafka: OwnService): Promise<Outcome> {
  await rig.init();
  await rig.ingest("before", 3_000);
  await using stream = rig.start("stream");
  await rig.rows(3_000, stream);
  await deleteTopic(kafka.endpoint, rig.env.KAFKA_TOPIC!);
  await rig.init();
  await rig.ingest("behind", 1_000);
  await rig.rows(4_000, stream);
  assert.match(stream.output, /made again|no topic|is not there/);
  await ends(stream);
  // Positions of before are not on it.
  assert.equal(await rig.committed(), 1_000);
  const expected = new Set([...idsOf(3_000, "before"), ...idsOf(1_000, "behind")]);
  return { times: 1, seen: "said, and read from its start", ...await rig.complete(expected) };
}

async function removed(rig: Rig, kafka: OwnService): Promise<Outcome> {
  await rig.init(1);
  await rig.ingest("s", 5_000);
  const part = await rig.run("stream", "--max-records", "2000");
  assert.equal(part.code, 0, part.stderr);
  await removeBelow(kafka.endpoint, rig.env.KAFKA_TOPIC!, 0, 3_500);
  const output = await rig.drain();
  assert.match(output, /\b1[,]?500 records\b.*removed before they were read/);
  const all = [...idsOf(5_000, "s")];
  const left = new Set([...all.slice(0, 2_000), ...all.slice(3_500)]);
  return { times: 1, seen: "said that 1,500 were removed unread", ...await rig.complete(left) };
}

Deno.test({
  name: `outages of a Kafka and of a Cassandra${ignore ? ` (skipped: ${missing})` : ""}`,
  ignore,
  fn: (context) =>
    withFolder(async (folder) => {
      const starts = [ownKafka(folder, KILLED), ownCassandra(folder)] as const;
      await Promise.allSettled(starts);
      await using kafka = await starts[0];
      await using cassandra = await starts[1];
      const step =
        (ends: string, env: () => Record<string, string>) => (fault: string, work: (rig: Rig) => Promise<Outcome>) =>
          context.step({
            name: `${ends} ${fault}`,
            sanitizeOps: false,
            sanitizeResources: false,
            sanitizeExit: false,
            fn: () => withFolder((cwd) => reported({ suite: "outage", fault, ends }, () => work(new Rig(cwd, env())))),
          });
      await withFolder(async (cwd) => {
        // The first group and the first writes of a service take longer, and are not what is tested.
        const rig = new Rig(cwd, { ...kafkaEnds(kafka.endpoint), ...cassandraEnds(cassandra.endpoint) });
        await rig.init();
        await rig.ingest("warm", 5_000);
        await rig.drain();
      });
      const ofKafka = async () => {
        const at = step("Kafka", () => kafkaEnds(kafka.endpoint));
        for (const [what, down, up] of DOWN) await at(what, (rig) => underStream(rig, kafka, down, up));
        await at(`frozen for ${AWAY_MS / 1000} s`, (rig) => frozen(rig, kafka));
        await at("killed and started again during ingest", (rig) => underIngest(rig, kafka));
        await at("its topic deleted and made again", (rig) => madeAgain(rig, kafka));
        await at("records removed before they were read", (rig) => removed(rig, kafka));
      };
      const ofCassandra = async () => {
        const at = step("Cassandra", () => cassandraEnds(cassandra.endpoint));
        for (const [what, down, up] of DOWN) await at(what, (rig) => underStream(rig, cassandra, down, up));
        await at(`frozen for ${AWAY_MS / 1000} s`, (rig) => frozen(rig, cassandra));
      };
      await Promise.all([ofKafka(), ofCassandra()]);
    }),
});
