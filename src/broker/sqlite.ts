/**
 * The embedded broker: the broker port on one SQLite file, which any number of threads and processes of one
 * machine may share. The default where no Kafka is named.
 */
import { dirname } from "node:path";
import { type Change, type Check, type Finding, findingOf, UserpipeError } from "../errors.ts";
import { type Database, openDatabase, openExisting, translate } from "../sqlite.ts";
import type {
  Message,
  PartitionRange,
  ReadLimits,
  Slice,
  Spool,
  SubscribeOptions,
  Subscription,
  TopicSpec,
  Wanted,
} from "./broker.ts";
import { Changes } from "./sqlite_changes.ts";
import { Group } from "./sqlite_group.ts";
import { Log, type Partition, type Topic, topicMissing } from "./sqlite_log.ts";
import { Membership } from "./sqlite_membership.ts";
import { MIGRATIONS, rows } from "./sqlite_schema.ts";
import { SqliteSubscription } from "./sqlite_subscription.ts";
import { letOthersRun } from "./sqlite_turn.ts";
import { assertTopicNames, differences, factsText, type TopicFacts } from "./topic_facts.ts";
import { deadLetterRoom, missing, wantedTopics } from "./topic_findings.ts";

export interface SqliteBrokerOptions {
  /** The file, for example `./userpipe-data/topics.db`; `init` makes it and its folder. */
  path: string;
}

/** Does not touch the file yet, and nothing but `init` makes it. Where it may not be written it can be read. */
export function openSqliteBroker({ path }: SqliteBrokerOptions): Spool {
  return new SqliteBroker(path);
}

/** The open file and what works on it. */
interface Opened {
  db: Database;
  log: Log;
  changes: Changes;
}

class SqliteBroker implements Spool {
  readonly name: string;
  readonly #path: string;
  #opened: Opened | undefined;
  #closed = false;
  readonly #subscriptions = new Set<Subscription>();

  constructor(path: string) {
    this.#path = path;
    this.name = `the embedded broker in ${dirname(path)}`;
  }

  async check(): Promise<Check> {
    try {
      const detail = await this.#use(({ db }) => {
        const [topics, messages] = rows<[number, number]>(
          db,
          "SELECT count(DISTINCT topic), ifnull(sum(next - first), 0) FROM partitions",
        ).get()!;
        // A transaction that writes nothing: whether another process holds the file.
        db.transaction(() => {});
        return `${count(topics, "topic")}, ${count(messages, "message")} in ${this.#path}`;
      });
      return { component: this.name, ok: true, detail };
    } catch (error) {
      if (error instanceof UserpipeError) return { component: this.name, ok: false, error };
      throw error;
    }
  }

  async *diagnose(wanted: Wanted): AsyncGenerator<Finding> {
    const topics = wantedTopics(wanted);
    // Looking makes no file.
    const check = exists(this.#path) ? await this.check() : undefined;
    if (check === undefined) return yield* topics.map(missing);
    yield findingOf("file", check);
    if (!check.ok) return;
    const found = topics.map(({ name }) => this.#use(({ log }) => log.find(name)));
    for (const [index, topic] of topics.entries()) {
      const partitions = found[index]?.partitions.length;
      if (partitions === undefined) yield missing(topic);
      else yield { what: topic.what, state: "ok", detail: count(partitions, "partition") };
    }
    const [topic, deadLetterTopic] = found.map((each) => each?.maxMessageBytes);
    if (topic === undefined || deadLetterTopic === undefined) return;
    yield deadLetterRoom(
      wanted,
      { topic, deadLetterTopic },
      () => 'Name another with --dead-letter-topic, and make it with "userpipe init"',
    );
  }

  async init(topics: readonly TopicSpec[], { dryRun }: { dryRun: boolean }): Promise<Change[]> {
    assertTopicNames(topics);
    if (!dryRun) this.#make();
    else if (!this.#opened && !exists(this.#path)) return topics.map((spec) => change(spec, "would-make"));
    return this.#use(({ db, log }) =>
      topics.map((spec) =>
        db.transaction(() => {
          const found = log.find(spec.name);
          if (found) return there(found, spec);
          if (!dryRun) log.create(spec);
          return change(spec, dryRun ? "would-make" : "made");
        })
      )
    );
  }

  async publish(topic: string, messages: readonly Message[]): Promise<void> {
    this.#of(topic, ({ log, changes }, topic) => {
      log.append(topic, messages);
      changes.notify();
    });
    await letOthersRun();
  }

  async partitions(topic: string): Promise<PartitionRange[]> {
    return this.#of(topic, ({ log }, topic) => log.ranges(topic));
  }

  async offsetsAt(topic: string, timestamp: number): Promise<Map<number, bigint>> {
    return this.#of(topic, ({ log }, topic) => {
      const offsets = topic.partitions.map((each) => [each.number, log.offsetAt(each, timestamp)] as const);
      return new Map(offsets);
    });
  }

  async committed(topic: string, group: string): Promise<Map<number, bigint>> {
    return this.#of(topic, ({ log }, topic) => log.committed(topic, group));
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    return this.#of(options.topic, ({ db, log, changes }, topic) => {
      const group = new Group(db, topic, options.group);
      const membership = new Membership(db, log, group, options.from);
      try {
        const onClose = () => this.#subscriptions.delete(subscription);
        const parts = { path: this.#path, log, changes, topic, membership, onClose };
        const subscription = new SqliteSubscription(parts, options);
        this.#subscriptions.add(subscription);
        return subscription;
      } catch (error) {
        group.end();
        throw error;
      }
    });
  }

  async read(topic: string, partition: number, offset: bigint, { maxBytes, maxWaitMs }: ReadLimits): Promise<Slice> {
    const end = Date.now() + maxWaitMs;
    while (true) {
      await letOthersRun();
      const { slice, mark } = this.#of(topic, ({ log, changes }, topic) => {
        const mark = changes.mark();
        return { mark, slice: readOnce(log, topic, partition, offset, maxBytes) };
      });
      const left = end - Date.now();
      if (slice.messages.length > 0 || left <= 0) return slice;
      await this.#use(({ changes }) => changes.wait(mark, left));
    }
  }

  async trim(topic: string, partition: number, before: bigint): Promise<void> {
    this.#of(topic, ({ log }, topic) => log.trim(partitionOf(topic, partition), before));
  }

  async bytes(topic: string): Promise<number> {
    return this.#of(topic, ({ log }, topic) => log.bytes(topic));
  }

  tryLock(): Disposable | null {
    const file = Deno.openSync(`${this.#path}.lock`, { create: true, write: true });
    if (file.tryLockSync(true)) return { [Symbol.dispose]: () => file.close() };
    file.close();
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    } finally {
      this.#closeFile();
    }
  }

  /** @throws {UserpipeError} `topic-missing`, where there is no file too */
  #of<T>(name: string, work: (opened: Opened, topic: Topic) => T): T {
    if (!this.#opened && !exists(this.#path)) throw topicMissing(name, this.#path);
    return this.#use((opened) => work(opened, opened.log.topic(name)));
  }

  /** Opens the file where it is not, and gives SQLite's errors in our words. */
  #use<T>(work: (opened: Opened) => T): T {
    if (this.#closed) throw new Error(`${this.name} is closed`);
    try {
      if (this.#opened?.db.isCurrent() === false) this.#closeFile();
      return work(this.#opened ??= opened(openExisting(this.#path, MIGRATIONS)));
    } catch (error) {
      throw translate(error, this.#path);
    }
  }

  #make(): void {
    if (!this.#closed) this.#opened ??= opened(openDatabase(this.#path, MIGRATIONS));
  }

  #closeFile(): void {
    this.#opened?.changes.close();
    this.#opened?.db.close();
    this.#opened = undefined;
  }
}

function opened(db: Database): Opened {
  return { db, log: new Log(db), changes: new Changes(db) };
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw translate(error, path);
  }
}

function readOnce(log: Log, topic: Topic, number: number, offset: bigint, maxBytes: number): Slice {
  const partition = partitionOf(topic, number);
  const { start, end } = log.ranges(topic)[number];
  const from = offset < start ? start : offset;
  const { messages, next } = log.read(partition, from, Infinity, maxBytes);
  return { messages, next, end };
}

function partitionOf(topic: Topic, number: number): Partition {
  const partition = topic.partitions[number];
  if (partition) return partition;
  throw new UserpipeError(
    "usage",
    `Topic "${topic.name}" has no partition ${number}`,
    `It has ${topic.partitions.length}, counted from 0`,
  );
}

/** What `init` says of a topic. */
function change(spec: TopicSpec, state: Change["state"]): Change {
  const { name, partitions, retentionMs, retentionBytes } = spec;
  return {
    what: `topic "${name}"`,
    state,
    statement: `create topic ${name} partitions=${partitions} retention.ms=${retentionMs} ` +
      `retention.bytes=${retentionBytes}`,
    detail: factsText({ name, partitions, retentionMs, retentionBytes }),
  };
}

/** What `init` says of a topic that is there. */
function there({ name, partitions, retentionMs, retentionBytes }: Topic, spec: TopicSpec): Change {
  const found: TopicFacts = { name, partitions: partitions.length, retentionMs, retentionBytes };
  return {
    ...change({ ...spec, ...found }, "exists"),
    differences: differences(found, spec, () =>
      "The embedded broker keeps a topic as it was made: make another with " +
      "--topic, or begin anew in another --data-dir"),
  };
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
