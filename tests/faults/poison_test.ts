/** Poison in every way there is, among good and odd records: exactly the poison are dead letters, with their reasons. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { run } from "../../tools/services/process.ts";
import { openKafka } from "../../src/broker/kafka.ts";
import type { Compression } from "../../src/broker/kafka_codecs.ts";
import { faultTests, onBoth } from "../support/fault_cases.ts";
import { eventsOf, messageOf, ODD, POISON } from "../support/poison.ts";
import type { Letter, Rig } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const RECORDS = sized(10_000, 100_000);
/** One in a thousand of each way. */
const EACH = RECORDS / 1_000;
const COMPRESSIONS: Compression[] = ["gzip", "snappy", "lz4", "zstd"];
const WRITER = join(import.meta.dirname!, "..", "support", "librdkafka.py");

/** Publishes with each compression: by librdkafka where it is there, else by our own writer. @returns by which */
async function compressed(rig: Rig, lines: readonly ReturnType<typeof eventsOf>[]): Promise<string> {
  const { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic } = rig.env;
  if (brokers === undefined) {
    await rig.publish(lines.flat().map((event) => messageOf(event)));
    return "without compression";
  }
  const there = (await run("python3", ["-c", "import confluent_kafka"]))?.code === 0;
  for (const [n, compression] of COMPRESSIONS.entries()) {
    if (there) await byLibrdkafka([topic!, brokers, compression], lines[n]!);
    else {
      const broker = openKafka({ brokers: brokers.split(","), clientId: "codecs", compression });
      await broker.publish(topic!, lines[n]!.map((event) => messageOf(event)));
      await broker.close();
    }
  }
  return `${COMPRESSIONS.join(", ")} by ${there ? "librdkafka" : "userpipe's own writer"}`;
}

async function byLibrdkafka(args: string[], events: ReturnType<typeof eventsOf>): Promise<void> {
  const child = new Deno.Command("python3", { args: [WRITER, ...args], stdin: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(events.map((event) => JSON.stringify(event) + "\n").join("")));
  await writer.close();
  const { code, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
}

/** The letters of a way, known by the header that each record was given. */
function checkLetters(letters: readonly Letter[]): void {
  for (const [way, { reason }] of Object.entries(POISON)) {
    const those = letters.filter(({ headers }) => headers.way === way);
    assert.equal(those.length, EACH, way);
    for (const letter of those) {
      assert.match(letter.reason, reason, way);
      assert.equal(letter.headers["userpipe-stage"], "stream");
      const { "userpipe-topic": topic, "userpipe-partition": partition, "userpipe-offset": offset } = letter.headers;
      assert.equal(letter.key, `${topic}/${partition}/${offset}`);
    }
  }
}

faultTests(
  "poison",
  onBoth(`1 in 1,000 poisoned in each of ${Object.keys(POISON).length} ways`, async (rig) => {
    await rig.init();
    const events = eventsOf("s", RECORDS);
    const take = (count: number) => events.splice(0, count);
    const all = new Set(events.map(({ id }) => id));
    const way = (name: string) => ({ headers: { way: new TextEncoder().encode(name) } });
    const bad = Object.entries(POISON).flatMap(([name, { make }]) =>
      take(EACH).map((event) => {
        all.delete(event.id);
        return messageOf(event, { ...way(name), ...make(event) });
      })
    );
    const odd = Object.values(ODD).flatMap((make) => take(EACH).map((event) => messageOf(event, make(event))));
    const codecs = await compressed(rig, COMPRESSIONS.map(() => take(EACH)));
    const good = events.map((event) => messageOf(event));
    // Spread evenly, in publishes of a size that a person's program has.
    const special = [...bad, ...odd];
    const step = Math.floor(good.length / special.length);
    const mixed = special.flatMap((message, n) => [message, ...good.slice(n * step, (n + 1) * step)]);
    mixed.push(...good.slice(special.length * step));
    for (let from = 0; from < mixed.length; from += 500) await rig.publish(mixed.slice(from, from + 500));
    const output = await rig.drain();
    assert.match(output, new RegExp(`refused ${bad.length.toLocaleString("en")} `));
    checkLetters((await rig.letters()).letters);
    return { times: bad.length, seen: codecs, ...await rig.complete(all, bad.length) };
  }),
);
