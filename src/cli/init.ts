/** `init`: makes topic, dead-letter topic, keyspace and table, and says what it made and what was there. */
import { type Broker, DEAD_LETTER_ROOM, type TopicSpec } from "../broker/broker.ts";
import { type Change, EXIT } from "../errors.ts";
import { namesOf, openBroker, openStore } from "../open.ts";
import type { Settings } from "../settings.ts";
import type { Store } from "../store/store.ts";
import type { Context } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/** Kafka's own default of `max.message.bytes`. */
const MAX_MESSAGE_BYTES = 1_048_588;
const EMBEDDED_RETENTION_BYTES = 1024 ** 3;

export async function init({ settings, terminal }: Context): Promise<number> {
  const broker = await openBroker(settings);
  try {
    const store = await openStore(settings);
    try {
      await initEnds(settings, broker, store, terminal);
    } finally {
      await store.close();
    }
  } finally {
    await broker.close();
  }
  return EXIT.done;
}

/** What `init`, `up` and `demo` do before anything else. */
export async function initEnds(settings: Settings, broker: Broker, store: Store, terminal: Terminal): Promise<void> {
  const { dryRun, migrate, replicationFactor } = settings;
  for (const change of await broker.init(topicsOf(settings), { dryRun })) say(change, terminal);
  for (const change of await store.init({ replicationFactor, migrate, dryRun })) say(change, terminal);
}

function topicsOf(settings: Settings): TopicSpec[] {
  const { topic, deadLetterTopic } = namesOf(settings);
  const { partitions, replication, retention, brokers } = settings;
  const retentionBytes = settings.retentionBytes ?? (brokers === undefined ? EMBEDDED_RETENTION_BYTES : -1);
  return [
    {
      name: topic,
      partitions,
      replication,
      retentionMs: retention,
      retentionBytes,
      maxMessageBytes: MAX_MESSAGE_BYTES,
    },
    {
      name: deadLetterTopic,
      partitions: 1,
      replication,
      retentionMs: -1,
      retentionBytes: -1,
      maxMessageBytes: MAX_MESSAGE_BYTES + DEAD_LETTER_ROOM,
    },
  ];
}

const WORDS: Record<Change["state"], string> = {
  "made": "made",
  "exists": "is there",
  "changed": "changed",
  "would-make": "would make",
  "would-change": "would change",
};

function say({ what, state, statement, detail }: Change, terminal: Terminal): void {
  const dry = state === "would-make" || state === "would-change";
  if (dry) return terminal.print(statement);
  terminal.print(`${WORDS[state].padEnd(9)} ${what}${detail === undefined ? "" : `: ${detail}`}`);
}
