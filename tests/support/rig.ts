/** What a case of the fault suite works on: ends of its own, the commands on them, and whether everything is there. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Broker, Message } from "../../src/broker/broker.ts";
import { namesOf, openBroker, openStore } from "../../src/open.ts";
import { resolveSettings, type Settings } from "../../src/settings.ts";
import { generate } from "../../src/users/generate.ts";
import { type CliOptions, type Ended, type Running, start, succeeds, until, userpipe } from "./cli.ts";
import type { Ends } from "./ends.ts";
import type { Outcome } from "./fault_report.ts";
import { uniqueName } from "./services.ts";

/** How many partitions the topic of a case has. */
const PARTITIONS = 4;

/** A dead letter as its topic has it. */
export interface Letter {
  key: string;
  reason: string;
  headers: Record<string, string>;
  value: Uint8Array | null;
}

export class Rig {
  constructor(readonly cwd: string, readonly env: Ends) {}

  get options(): CliOptions {
    return { cwd: this.cwd, env: this.env };
  }

  /** The same with other variables of the environment over its own. */
  with(env: Ends): Rig {
    return new Rig(this.cwd, { ...this.env, ...env });
  }

  async init(partitions = PARTITIONS): Promise<void> {
    await succeeds(["init", "--partitions", String(partitions)], this.options);
  }

  /** Publishes generated records. */
  async ingest(seed: string, count: number): Promise<void> {
    await succeeds(["ingest", "--generate", String(count), "--seed", seed], this.options);
  }

  run(...args: string[]): Promise<Ended> {
    return userpipe(args, this.options);
  }

  start(...args: string[]): Running {
    return start(args, this.options);
  }

  /** Carries the topic to its end. @returns what was printed */
  async drain(): Promise<string> {
    const { code, stdout, stderr } = await this.run("stream", "--until-caught-up");
    assert.ok(code === 0 || (code === 1 && /refused [1-9]/.test(stdout)), `the drain ended with ${code}:\n${stderr}`);
    return stdout + stderr;
  }

  /** Runs a command that must be seen to die at a point: by SIGKILL, and after it said so. */
  async dies(point: string, ...args: string[]): Promise<void> {
    const { code, stdout, stderr } = await this.with({ USERPIPE_FAULT: point }).run(...args);
    assert.equal(code, 137, `it did not die at ${point}:\n${stdout}${stderr}`);
    assert.ok(stderr.includes(`fault: ${point.split(":")[0]}\n`), `it died elsewhere than at ${point}:\n${stderr}`);
  }

  settings(): Settings {
    const names = ["brokers", "topic", "group", "contactPoints", "keyspace", "dataDir"] as const;
    const settings = resolveSettings(names, {}, (name) => this.env[name]);
    return { ...settings, dataDir: join(this.cwd, settings.dataDir) };
  }

  /** Opens the case's broker beside the program. */
  async broker<T>(work: (broker: Broker, topic: string) => Promise<T>): Promise<T> {
    const settings = this.settings();
    const broker = await openBroker(settings);
    try {
      return await work(broker, namesOf(settings).topic);
    } finally {
      await broker.close();
    }
  }

  async publish(messages: readonly Message[]): Promise<void> {
    await this.broker((broker, topic) => broker.publish(topic, messages));
  }

  /** How many records the topic has ever taken. */
  async published(): Promise<number> {
    const partitions = await this.broker((broker, topic) => broker.partitions(topic));
    return partitions.reduce((sum, { end }) => sum + Number(end), 0);
  }

  /** How many records the group has moved past. */
  async committed(): Promise<number> {
    const { group } = this.settings();
    const positions = await this.broker((broker, topic) => broker.committed(topic, group));
    return [...positions.values()].reduce((sum, position) => sum + Number(position), 0);
  }

  async rowCount(): Promise<number> {
    return JSON.parse(await succeeds(["query", "count"], this.options)).count;
  }

  /** Resolves once the table has so many rows. */
  async rows(atLeast: number, running: Running, limitMs = 180_000): Promise<void> {
    // A store that is away or busy for a moment has no answer, and no rows yet.
    const there = () => this.rowCount().then((rows) => rows >= atLeast, () => false);
    await until(there, limitMs, () => `rows do not come:\n${running.output}`);
  }

  async ids(): Promise<Set<string>> {
    const store = await openStore(this.settings());
    const ids = new Set<string>();
    try {
      for await (const page of store.scan(["id"])) for (const [id] of page) ids.add(id!);
    } finally {
      await store.close();
    }
    return ids;
  }

  /** The dead letters that wait, folded by key, and how many copies there were. */
  async letters(): Promise<{ letters: Letter[]; copies: number }> {
    const decoder = new TextDecoder();
    const topic = namesOf(this.settings()).deadLetterTopic;
    const byKey = new Map<string, Letter>();
    let copies = 0;
    await this.broker(async (broker) => {
      const [{ start, end }] = await broker.partitions(topic);
      for (let offset = start; offset < end;) {
        const slice = await broker.read(topic, 0, offset, { maxBytes: 4 * 1024 * 1024, maxWaitMs: 1_000 });
        for (const { key, value, headers } of slice.messages) {
          const texts = Object.entries(headers).map(([name, bytes]) => [name, decoder.decode(bytes)]);
          const all: Record<string, string> = Object.fromEntries(texts);
          const name = decoder.decode(key!);
          if ("userpipe-replayed" in all) byKey.delete(name);
          else byKey.set(name, { key: name, value, headers: all, reason: all["userpipe-reason"]! });
          copies++;
        }
        offset = slice.next;
      }
    });
    return { letters: [...byKey.values()], copies };
  }

  /**
   * Says that everything is there: every expected id is a row and no other, and exactly `dead` dead letters by key.
   * The first is counted here, without the program's own comparison, and then `userpipe verify` has to agree.
   */
  async complete(expected: ReadonlySet<string>, dead = 0): Promise<Omit<Outcome, "times">> {
    const ids = await this.ids();
    const missing = [...expected].filter((id) => !ids.has(id));
    assert.deepEqual(missing.slice(0, 5), [], `${missing.length} of ${expected.size} are missing`);
    assert.equal(ids.size, expected.size, "there are rows that nobody published");
    const { letters } = await this.letters();
    assert.equal(letters.length, dead, `dead letters: ${JSON.stringify(letters.slice(0, 3))}`);
    const { code, stdout, stderr } = await this.run("verify", "--format", "json");
    assert.equal(code, 0, `verify says otherwise:\n${stdout}${stderr}`);
    const { missing: absent, different } = JSON.parse(stdout);
    return { records: expected.size + dead, rows: ids.size, dead, missing: absent, different };
  }
}

/** The ids of the records that `ingest --generate` makes of each seed. */
export function idsOf(count: number, ...seeds: string[]): Set<string> {
  const ids = new Set<string>();
  for (const seed of seeds) {
    for (const record of generate(seed, count)) ids.add((record as { login: { uuid: string } }).login.uuid);
  }
  return ids;
}

/** Messages that the stream refuses: not JSON, each another. */
export function poison(count: number): Message[] {
  const tag = uniqueName("poison");
  return Array.from({ length: count }, (_, n) => {
    const value = new TextEncoder().encode(`{${tag} ${n}`);
    return { key: value, value, headers: {}, timestamp: Date.now() };
  });
}
