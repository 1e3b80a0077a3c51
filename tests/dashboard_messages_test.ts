/** The topic's messages as the page shows them: the newest, those of a key, and one whole. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openSqliteBroker } from "../src/broker/sqlite.ts";
import { MOST_SEARCHED, newestMessages } from "../src/dashboard/views/messages.ts";
import { openApi, withEnds } from "./support/api.ts";
import { withFolder } from "./support/cli.ts";
import { eventsOf, messageOf } from "./support/poison.ts";

Deno.test("the newest messages are a few however many there are, each of them once the newest, in the order of their time", () =>
  withFolder(async (cwd) => {
    const broker = openSqliteBroker({ path: join(cwd, "userpipe-data", "topics.db") });
    const spec = { partitions: 3, replication: 1, retentionMs: -1, retentionBytes: -1 };
    try {
      await broker.init([{ ...spec, name: "users_created" }], { dryRun: false });
      await using api = openApi(cwd);
      const places = async () =>
        (await newestMessages(api.deps, 20)).map(({ partition, offset }) => `${partition}/${offset}`);
      assert.deepEqual(await places(), []);
      const at = Date.now();
      const events = eventsOf("many", 3_000);
      await broker.publish("users_created", events.map((event, i) => messageOf(event, { timestamp: at + i })));
      const some = await newestMessages(api.deps, 20);
      assert.ok(some.length <= 20 && some.length >= 18, `${some.length} messages`);
      assert.deepEqual(some, some.toSorted((a, b) => a.timestamp - b.timestamp));
      const before = await places();
      assert.deepEqual(await places(), before);
      await broker.publish("users_created", [messageOf(events[0]!, { timestamp: at + 9_999 })]);
      const after = await places();
      assert.deepEqual(after.filter((place) => !before.includes(place)), [after.at(-1)]);
    } finally {
      await broker.close();
    }
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
    const inCapitals = await api.get(`/api/messages?key=${key.toUpperCase()}`);
    assert.equal(inCapitals.messages.length, 3, "a UUID is the same in capitals");
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
