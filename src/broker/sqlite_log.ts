/**
 * The embedded broker's log: topics, partitions and their chunks in SQLite; appending with retention, and
 * reading by offset and by time. Everything here is synchronous.
 */
import { messageOf, UserpipeError } from "../errors.ts";
import { hashOf } from "../hash.ts";
import type { Database } from "../sqlite.ts";
import type { Delivered, Message, PartitionRange, TopicSpec } from "./broker.ts";
import { rows } from "./sqlite_schema.ts";
import { type Chunk, decodeChunk, encodeChunks, type Reading, sizeOf } from "./sqlite_chunk.ts";

/** What Kafka's brokers take where nobody says otherwise. */
const DEFAULT_MAX_MESSAGE_BYTES = 1_048_588;
/** Chunks that retention removes from a partition in one publish, beyond twice those that it adds. */
const RETENTION_STEP = 8;
/** Chunks that a trim removes in one transaction. */
const TRIM_STEP = 256;

export interface Partition {
  /** Its row. */
  id: number;
  number: number;
}

/** A topic as it was made; none of it changes afterwards. */
export interface Topic {
  name: string;
  partitions: Partition[];
  retentionMs: number;
  retentionBytes: number;
  maxMessageBytes: number;
}

type StoredChunk = [base: number, count: number, data: Uint8Array];

/** What a read of one partition gives. */
export interface Run {
  messages: Delivered[];
  bytes: number;
  /** Past the last message, or the offset asked for where there is none. */
  next: bigint;
}

export class Log {
  readonly #db: Database;
  readonly #topics = new Map<string, Topic>();
  readonly #sql;
  #nextKeyless = Math.floor(Math.random() * 1_000);

  constructor(db: Database) {
    this.#db = db;
    this.#sql = statements(db);
  }

  /** @throws {UserpipeError} `topic-missing` */
  topic(name: string): Topic {
    const topic = this.find(name);
    if (topic) return topic;
    throw topicMissing(name, this.#db.path);
  }

  find(name: string): Topic | undefined {
    const known = this.#topics.get(name);
    if (known) return known;
    const row = this.#sql.topic.get(name);
    if (!row) return undefined;
    const topic: Topic = {
      name,
      partitions: this.#sql.partitions.all(name).map(({ id, number }) => ({ id: Number(id), number: Number(number) })),
      retentionMs: Number(row.retention_ms),
      retentionBytes: Number(row.retention_bytes),
      maxMessageBytes: Number(row.max_message_bytes),
    };
    this.#topics.set(name, topic);
    return topic;
  }

  /** Makes a topic that is not there; call it in a transaction. */
  create(spec: TopicSpec): void {
    const maxMessageBytes = spec.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES;
    this.#sql.addTopic.run(spec.name, spec.retentionMs, spec.retentionBytes, maxMessageBytes);
    for (let number = 0; number < spec.partitions; number++) this.#sql.addPartition.run(spec.name, number);
  }

  ranges(topic: Topic): PartitionRange[] {
    return this.#sql.ranges.all(topic.name).map(([partition, first, next]) => {
      return { partition, start: BigInt(first), end: BigInt(next) };
    });
  }

  /**
   * Appends messages, durable when it returns, and lets retention take a bounded step.
   * @throws {UserpipeError} `record-too-large` with nothing appended
   */
  append(topic: Topic, messages: readonly Message[]): void {
    const now = Date.now();
    const runs = this.#byPartition(topic, messages);
    this.#db.transaction(() => {
      for (const [partition, chunks] of runs) this.#appendTo(topic, partition, chunks, now);
    });
  }

  #appendTo(topic: Topic, partition: Partition, chunks: readonly Chunk[], now: number): void {
    let [first, next, bytes, latest] = this.#sql.state.get(partition.id)!;
    for (const chunk of chunks) {
      latest = Math.max(latest, chunk.latest);
      this.#sql.addChunk.run(partition.id, next, chunk.count, chunk.bytes, now, chunk.latest, latest, chunk.data);
      next += chunk.count;
      bytes += chunk.bytes;
    }
    const kept = topic.retentionMs < 0 ? -Infinity : now - topic.retentionMs;
    const limit = topic.retentionBytes < 0 ? Infinity : topic.retentionBytes;
    const oldest = this.#sql.oldest.all(partition.id, RETENTION_STEP + 2 * chunks.length);
    for (const [id, base, count, size, appended] of oldest) {
      // The last chunk stays, however old or large: a topic is never emptied by what is published to it.
      if (base + count === next || (appended >= kept && bytes <= limit)) break;
      this.#sql.removeChunk.run(id);
      first = base + count;
      bytes -= size;
    }
    this.#sql.setState.run(first, next, bytes, latest, partition.id);
  }

  /** Removes what lies below `before`, and the chunks that hold nothing else; in bounded steps, each durable. */
  trim(partition: Partition, before: bigint): void {
    let more = true;
    while (more) {
      more = this.#db.transaction(() => {
        let [first, next, bytes, latest] = this.#sql.state.get(partition.id)!;
        const end = Math.min(Number(before), next);
        const oldest = this.#sql.oldest.all(partition.id, TRIM_STEP);
        const whole = oldest.filter(([, base, count]) => base + count <= end);
        for (const [id, , , size] of whole) {
          this.#sql.removeChunk.run(id);
          bytes -= size;
        }
        first = Math.max(first, end);
        this.#sql.setState.run(first, next, bytes, latest, partition.id);
        return whole.length === TRIM_STEP;
      });
    }
  }

  /** Every topic, with how many messages it has and the bytes that their chunks take. */
  topics(): { name: string; messages: number; bytes: number }[] {
    return this.#sql.sizes.all().map(([name, messages, bytes]) => ({ name, messages, bytes }));
  }

  #byPartition(topic: Topic, messages: readonly Message[]): Map<Partition, Chunk[]> {
    const runs = topic.partitions.map((partition) => ({ partition, messages: [] as Message[], sizes: [] as number[] }));
    for (const message of messages) {
      const size = sizeOf(message);
      if (size > topic.maxMessageBytes) throw tooLarge(topic, size);
      const { key } = message;
      const run = runs[(key ? hashOf(key) >>> 0 : this.#nextKeyless++) % runs.length];
      run.messages.push(message);
      run.sizes.push(size);
    }
    const filled = runs.filter((run) => run.messages.length > 0);
    return new Map(filled.map((run) => [run.partition, encodeChunks(run.messages, run.sizes)]));
  }

  /** Messages from `offset` on; below the start, from the start. One message may exceed `maxBytes` alone. */
  read(partition: Partition, offset: bigint, maxMessages: number, maxBytes: number): Run {
    const from = Number(offset);
    const reading: Reading = { partition: partition.number, from, messages: [], bytes: 0, maxMessages, maxBytes };
    for (const [base, count, data] of this.#sql.chunks.iterate(partition.id, from)) {
      if (!this.#decoded(partition, [base, count, data], reading)) break;
    }
    const { messages, bytes } = reading;
    const last = messages.at(-1);
    // `iterate` ends without a word where SQLite fails to read; `get` throws what it says.
    if (messages.length === 0) this.#sql.chunks.get(partition.id, from);
    return { messages, bytes, next: last === undefined ? offset : (last.unreadable?.last ?? last.offset) + 1n };
  }

  /** @returns false where a limit was reached, and for a chunk that is damaged: it is read alone (I3) */
  #decoded({ number: partition }: Partition, [base, count, data]: StoredChunk, reading: Reading): boolean {
    const { length: before } = reading.messages;
    const { bytes } = reading;
    try {
      return decodeChunk(data, base, count, reading);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      reading.messages.length = before;
      reading.bytes = bytes;
      if (before > 0) return false;
      const last = BigInt(base + count - 1);
      const reason = `the messages of the offsets ${base} to ${last} cannot be read: "${this.#db.path}" is damaged ` +
        `(${messageOf(error)})`;
      const unreadable = { last, reason };
      const place = { partition, offset: BigInt(base), timestamp: -1 };
      reading.messages.push({ ...place, key: null, value: data, headers: {}, unreadable });
      reading.bytes = data.length;
      return false;
    }
  }

  /** A group's committed positions by partition; one without is left out. */
  committed(topic: Topic, group: string): Map<number, bigint> {
    const found = this.#sql.committed.all(topic.name, group);
    return new Map(found.map(([number, position]) => [number, BigInt(position)]));
  }

  /** The first offset whose timestamp is at or after `timestamp`; the end where none is. */
  offsetAt(partition: Partition, timestamp: number): bigint {
    const chunk = this.#sql.chunkAt.get(partition.id, timestamp, timestamp);
    if (!chunk) return BigInt(this.#sql.state.get(partition.id)![1]);
    const [base, count] = chunk;
    const messages: Delivered[] = [];
    const limits = { maxMessages: count, maxBytes: Infinity };
    this.#decoded(partition, chunk, { partition: partition.number, from: base, messages, bytes: 0, ...limits });
    // Of a chunk that is damaged the first.
    return messages.find((message) => message.timestamp >= timestamp)?.offset ?? BigInt(base);
  }
}

function statements(db: Database) {
  return {
    topic: db.prepare("SELECT retention_ms, retention_bytes, max_message_bytes FROM topics WHERE name = ?"),
    partitions: db.prepare("SELECT id, number FROM partitions WHERE topic = ? ORDER BY number"),
    addTopic: db.prepare("INSERT INTO topics VALUES (?, ?, ?, ?)"),
    addPartition: db.prepare("INSERT INTO partitions (topic, number) VALUES (?, ?)"),
    ranges: rows<[number: number, first: number, next: number]>(
      db,
      "SELECT number, first, next FROM partitions WHERE topic = ? ORDER BY number",
    ),
    state: rows<[first: number, next: number, bytes: number, latest: number]>(
      db,
      "SELECT first, next, bytes, latest FROM partitions WHERE id = ?",
    ),
    sizes: rows<[name: string, messages: number, bytes: number]>(
      db,
      "SELECT topic, sum(next - first), sum(bytes) FROM partitions GROUP BY topic",
    ),
    setState: db.prepare("UPDATE partitions SET first = ?, next = ?, bytes = ?, latest = ? WHERE id = ?"),
    committed: rows<[number: number, position: number]>(
      db,
      `SELECT number, position FROM partitions p JOIN positions ON partition = p.id
       WHERE topic = ? AND group_name = ? AND position IS NOT NULL ORDER BY number`,
    ),
    addChunk: db.prepare(`
      INSERT INTO chunks (partition, base, count, bytes, appended, latest, latest_so_far, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    oldest: rows<[id: number, base: number, count: number, bytes: number, appended: number]>(
      db,
      "SELECT id, base, count, bytes, appended FROM chunks WHERE partition = ? ORDER BY base LIMIT ?",
    ),
    removeChunk: db.prepare("DELETE FROM chunks WHERE id = ?"),
    chunks: rows<StoredChunk>(
      db,
      `
      SELECT base, count, data FROM chunks
      WHERE partition = ?1
        AND base >= ifnull((SELECT max(base) FROM chunks WHERE partition = ?1 AND base <= ?2), 0)
      ORDER BY base`,
    ),
    // The first condition is a search. The second one passes over what retention left behind a latest that is gone.
    chunkAt: rows<StoredChunk>(
      db,
      `
      SELECT base, count, data FROM chunks
      WHERE partition = ? AND latest_so_far >= ? AND latest >= ?
      ORDER BY latest_so_far, base LIMIT 1`,
    ),
  };
}

/** @param path of the file, which need not be there */
export function topicMissing(name: string, path: string): UserpipeError {
  const hint = 'Run "userpipe init" with the same topic and data folder';
  return new UserpipeError("topic-missing", `There is no topic "${name}" in "${path}"`, hint);
}

function tooLarge(topic: Topic, size: number): UserpipeError {
  return new UserpipeError(
    "record-too-large",
    `Cannot publish a message of ${size} bytes to topic "${topic.name}": it takes ${topic.maxMessageBytes}`,
    "Send smaller records, or make a topic that takes larger messages",
  );
}
