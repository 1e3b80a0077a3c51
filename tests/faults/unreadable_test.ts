/** What the broker holds and nobody can read: a dead letter for its offsets, and all around it is carried. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { crc32c } from "@platformatic/wasm-utils/bundled";
import { openKafka } from "../../src/broker/kafka.ts";
import { MAX_BATCH_BYTES } from "../../src/broker/kafka_codecs.ts";
import { AT, type Frame, frameAt, viewOf } from "../../src/broker/kafka_frames.ts";
import { withFolder } from "../support/cli.ts";
import { kafkaEnds } from "../support/ends.ts";
import { EMBEDDED, faultTests } from "../support/fault_cases.ts";
import { type Outcome, reported } from "../support/fault_report.ts";
import { cannotStart, ownKafka } from "../support/own_services.ts";
import { type Event, eventsOf, messageOf } from "../support/poison.ts";
import { Rig } from "../support/rig.ts";

/** Records of one publish: one batch on Kafka, one chunk in the embedded broker. */
const EACH = 50;

const missing = await cannotStart();
const ignore = missing !== undefined && Deno.env.get("CI") !== "true";

const publish = (rig: Rig, events: readonly Event[]) => rig.publish(events.map((event) => messageOf(event)));

/** Carries what is there, and says whether every command copes: `reasons` are those of the dead letters, in order. */
async function carried(rig: Rig, good: readonly Event[], reasons: readonly RegExp[]): Promise<Omit<Outcome, "times">> {
  await rig.drain();
  const all = await rig.complete(new Set(good.map(({ id }) => id)), reasons.length);
  // Started again, it does not come upon it again.
  assert.match(await rig.drain(), /\b0 rows\b/);
  const { letters, copies } = await rig.letters();
  assert.equal(copies, reasons.length);
  for (const [n, { reason }] of letters.entries()) assert.match(reason, reasons[n]!);
  const peek = await rig.run("peek", "--from-beginning", "--max", "100000");
  const shown = peek.stdout.trim().split("\n").map((line) => JSON.parse(line).value);
  assert.deepEqual(
    shown.filter((value) => value.unreadable).map((value) => value.unreadable),
    letters.map((l) => l.reason),
  );
  assert.equal(shown.length, good.length + reasons.length);
  const show = await rig.run("dead-letters", "show", "0");
  assert.deepEqual([show.code, JSON.parse(show.stdout).reason], [0, letters[0]!.reason]);
  const replay = await rig.run("dead-letters", "replay");
  assert.equal(replay.code, 1, replay.stderr);
  assert.match(replay.stdout, /it is no record but several that could not be read \(/);
  assert.equal((await rig.letters()).letters.length, reasons.length);
  return all;
}

/** Cuts off the end of what the embedded broker keeps of an offset. */
function damage(path: string, offset: number): void {
  const db = new DatabaseSync(path);
  try {
    const { changes } = db.prepare("UPDATE chunks SET data = substr(data, 1, length(data) - 9) WHERE base = ?").run(
      offset,
    );
    assert.equal(Number(changes), 1);
  } finally {
    db.close();
  }
}

faultTests("unreadable", [{
  fault: "a chunk of the embedded broker is damaged",
  ends: EMBEDDED,
  work: async (rig) => {
    await rig.init(1);
    const events = eventsOf("s", 3 * EACH);
    for (const n of [0, 1, 2]) await publish(rig, events.slice(n * EACH, (n + 1) * EACH));
    damage(join(rig.cwd, "userpipe-data", "topics.db"), EACH);
    const good = events.filter((_, n) => Math.floor(n / EACH) !== 1);
    const reason = new RegExp(`^the messages of the offsets ${EACH} to ${2 * EACH - 1} cannot be read: .* is damaged `);
    return { times: 1, seen: "one dead letter for its offsets", ...await carried(rig, good, [reason]) };
  },
}]);

/** Damages a batch of a log on Kafka's disk. */
async function spoil(path: string, offset: number, how: (bytes: Uint8Array, frame: Frame) => void): Promise<void> {
  const bytes = await Deno.readFile(path);
  const view = viewOf(bytes);
  let frame = frameAt(view, 0);
  while (frame !== null && frame.first !== BigInt(offset)) frame = frameAt(view, frame.end);
  how(bytes, frame!);
  await Deno.writeFile(path, bytes);
}

async function onKafka(rig: Rig, folder: string, kafka: Awaited<ReturnType<typeof ownKafka>>): Promise<Outcome> {
  await rig.init(1);
  const events = eventsOf("s", 6 * EACH);
  for (let n = 0; n < 6; n++) await publish(rig, events.slice(n * EACH, (n + 1) * EACH));
  const topic = rig.env.KAFKA_TOPIC!;
  const large = openKafka({ brokers: [kafka.endpoint], clientId: "large", compression: "gzip" });
  await large.publish(topic, [{ key: null, value: new Uint8Array(MAX_BATCH_BYTES), headers: {}, timestamp: 1 }]);
  await large.close();
  const behind = eventsOf("behind", EACH);
  await publish(rig, behind);
  await kafka.stop();
  const log = join(folder, "kafka", "data", `${topic}-0`, `${"0".repeat(20)}.log`);
  await spoil(log, EACH, (bytes, { at }) => bytes[at + AT.records + 20]! ^= 1);
  await spoil(log, 3 * EACH, (bytes, { at, end }) => {
    const view = viewOf(bytes);
    view.setInt16(at + AT.attributes, 6);
    view.setUint32(at + AT.crc, crc32c(bytes.subarray(at + AT.attributes, end)));
  });
  await kafka.start();
  const good = [...events.filter((_, n) => ![1, 3].includes(Math.floor(n / EACH))), ...behind];
  const named = (first: number, count: number, why: string) =>
    new RegExp(`^the record batch of the offsets ${first} to ${first + count - 1} \\(${why}`);
  return {
    times: 3,
    seen: "a dead letter each for its offsets",
    ...await carried(rig, good, [
      named(EACH, EACH, "not compressed\\) cannot be read: its checksum does not fit$"),
      named(3 * EACH, EACH, "compression 6\\) cannot be read: its compression \\(number 6\\) is not known$"),
      named(6 * EACH, 1, "gzip\\) cannot be read: it grows to more than 67108864 bytes"),
    ]),
  };
}

Deno.test({
  name: `record batches that cannot be read, on Kafka${ignore ? ` (skipped: ${missing})` : ""}`,
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using kafka = await ownKafka(folder);
      const rig = new Rig(folder, kafkaEnds(kafka.endpoint));
      const fault = "batches damaged on its disk, of an unknown compression, and of 64 MiB";
      await reported({ suite: "unreadable", fault, ends: "Kafka" }, () => onKafka(rig, folder, kafka));
    }),
});
