/**
 * The embedded broker: the broker port on one SQLite file, which any number of threads and processes of one
 * machine may share. The default where no Kafka is named.
 */
import { dirname } from "node:path";
import { type Change, type Check, type Finding, findingOf, UserpipeError } from "../errors.ts";
import { type Database, inodeOf, LARGE_PAGE, openDatabase, openExisting, translate } from "../sqlite.ts";
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
import { change, count, there } from "./sqlite_words.ts";
import { assertTopicNames } from "./topic_facts.ts";
import { deadLetterRoom, missing, wantedTopics } from "./topic_findings.ts";

/** Pages that the write-ahead log holds before they are copied back: each time waits for the disk, and so do publishes. */
const CHECKPOINT_PAGES = 8_000;

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
  inode: ReturnType<typeof inodeOf>;
}

class SqliteBroker implements Spool {
  readonly name: string;
  readonly #path: string;
  #opened: Opened | undefined;
  #closed = false;
  /** Of files that were moved away: open for as long as subscriptions are on them. */
  readonly #gone: Opened[] = [];
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
    return this.#of(options.topic, ({ db, log, changes, inode }, topic) => {
      const group = new Group(db, topic, options.group);
      const membership = new Membership(db, log, group, options.from);
      try {
        const onClose = () => this.#subscriptions.delete(subscription);
        const assertThere = () => this.#assertThere(inode);
        const parts = { path: this.#path, log, changes, topic, membership, onClose, assertThere };
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

  async topics(): Promise<{ name: string; messages: number; bytes: number }[]> {
    return exists(this.#path) ? this.#use(({ log }) => log.topics()) : [];
  }

  tryLock(): Disposable | null {
    const file = openLock(`${this.#path}.lock`);
    if (file.tryLockSync(true)) return { [Symbol.dispose]: () => file.close() };
    file.close();
    return null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    try {
      await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    } finally {
      this.#leaveFile();
      this.#gone.splice(0).forEach(closeFile);
    }
  }

  /** @throws {UserpipeError} `topic-missing`, where there is no file too */
  #of<T>(name: string, work: (opened: Opened, topic: Topic) => T): T {
    this.#look();
    if (!this.#opened && !exists(this.#path)) throw topicMissing(name, this.#path);
    return this.#use((opened) => work(opened, opened.log.topic(name)));
  }

  /** Opens the file where it is not, and gives SQLite's errors in our words. */
  #use<T>(work: (opened: Opened) => T): T {
    if (this.#closed) throw new Error(`${this.name} is closed`);
    try {
      this.#look();
      return work(this.#opened ??= opened(openExisting(this.#path, MIGRATIONS)));
    } catch (error) {
      throw translate(error, this.#path);
    }
  }

  #make(): void {
    if (!this.#closed) this.#opened ??= opened(openDatabase(this.#path, MIGRATIONS, { pageSize: LARGE_PAGE }));
  }

  /** I2: what is written to a file that has no name any more would be gone with the process. */
  #look(): void {
    if (this.#opened === undefined) return;
    if (this.#opened.inode !== inodeOf(this.#path) || !this.#opened.db.isCurrent()) this.#leaveFile();
  }

  #assertThere(inode: Opened["inode"]): void {
    if (inodeOf(this.#path) === inode) return;
    const message = `"${this.#path}" was moved away or replaced while it was open`;
    throw new UserpipeError(
      "data-folder",
      message,
      'Put it back, or make it anew with "userpipe init"; then start again',
    );
  }

  #leaveFile(): void {
    const opened = this.#opened;
    this.#opened = undefined;
    if (opened === undefined) return;
    if (this.#subscriptions.size > 0) this.#gone.push(opened);
    else closeFile(opened);
  }
}

function opened(db: Database): Opened {
  db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  return { db, log: new Log(db), changes: new Changes(db), inode: inodeOf(db.path) };
}

function closeFile({ changes, db }: Opened): void {
  changes.close();
  db.close();
}

function openLock(path: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { create: true, write: true });
  } catch (error) {
    throw translate(error, path);
  }
}

const exists = (path: string): boolean => inodeOf(path) !== undefined;

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
