/** Consumer groups whose members read different topics: each topic is shared among its own readers. */
import assert from "node:assert/strict";
import { openKafka } from "../src/broker/kafka.ts";
import * as kit from "./contracts/broker_kit.ts";
import { serviceTest } from "./support/services.ts";

serviceTest(
  "two topics in one group are both read to their end, by one member and two members each",
  async ({ brokers }) => {
    const open = () => openKafka({ brokers: brokers.split(","), clientId: "userpipe-group" });
    const clients = [open(), open(), open()];
    const [first, second, third] = clients;
    try {
      const group = kit.unique("group");
      const one = await kit.newTopic(first!, 4);
      const other = await kit.newTopic(first!, 4);
      for (const topic of [one, other]) await first!.publish(topic, kit.numbered(400));
      const readers = [
        await kit.join(first!, one, group),
        await kit.join(second!, other, group),
        await kit.join(third!, other, group),
      ];
      const seen = { one: new Set<string>(), other: new Set<string>() };
      const read = async (index: number, into: Set<string>) => {
        for (let batch = await readers[index]!.next(); batch !== null; batch = await readers[index]!.next()) {
          for (const value of kit.values(batch.messages)) into.add(String(value));
          batch.acknowledge();
        }
      };
      const reading = [read(0, seen.one), read(1, seen.other), read(2, seen.other)];
      await kit.until("both topics are read", () => seen.one.size === 400 && seen.other.size === 400);
      for (const reader of readers) reader.stop();
      await Promise.all(reading);
      assert.equal(readers[0]!.positions().length, 4);
      for (const reader of readers) await reader.close();
    } finally {
      for (const client of clients) await client.close();
    }
  },
);
