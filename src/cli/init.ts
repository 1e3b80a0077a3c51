/** `init`: makes topic, dead-letter topic, schema, keyspace and table, and says what it made and what was there. */
import { type Broker, DEAD_LETTER_ROOM, type TopicSpec } from "../broker/broker.ts";
import { type Change, EXIT } from "../errors.ts";
import { namesOf, openRegistry } from "../open.ts";
import type { Registry } from "../registry/registry.ts";
import type { Settings } from "../settings.ts";
import { shown } from "../shown.ts";
import type { Store } from "../store/store.ts";
import type { Context } from "./command.ts";
import { withEnds } from "./ends.ts";
import type { Terminal } from "./terminal.ts";

/** Kafka's own default of `max.message.bytes`. */
const MAX_MESSAGE_BYTES = 1_048_588;
const EMBEDDED_RETENTION_BYTES = 1024 ** 3;

/** Where neither a flag nor the environment names them. */
const PARTITIONS = 4;
export const REPLICATION = 1;
const RETENTION_MS = 7 * 86_400_000;

export async function init({ settings, terminal }: Context): Promise<number> {
  await withEnds(settings, (broker, store) => initEnds(settings, broker, store, terminal));
  return EXIT.done;
}

/** What `init` and `demo` do before anything else; `up` does the two by themselves. */
export async function initEnds(settings: Settings, broker: Broker, store: Store, terminal: Terminal): Promise<void> {
  // A schema that is refused leaves nothing behind.
  await initSchema(settings, await openRegistry(settings), terminal);
  await initTopics(settings, broker, terminal);
  await initTable(settings, store, terminal);
}

/** Registers the schema of the topic's values, where a registry is named. */
export async function initSchema(
  { dryRun }: Settings,
  registry: Registry | undefined,
  terminal: Terminal,
): Promise<void> {
  if (registry !== undefined) say(await registry.init({ dryRun }), terminal);
}

export async function initTopics(settings: Settings, broker: Broker, terminal: Terminal): Promise<void> {
  const { dryRun } = settings;
  const [topic, deadLetterTopic] = await broker.init(topicsOf(settings), { dryRun });
  say(topic!, terminal, askedOf(settings));
  // Of what is asked for, only the copies are meant for both.
  say(deadLetterTopic!, terminal, askedOf(settings).filter((of) => of === "replication"));
}

export async function initTable(settings: Settings, store: Store, terminal: Terminal): Promise<void> {
  sayMade(await store.init(settings), terminal);
}

export function sayMade(changes: readonly Change[], terminal: Terminal): void {
  for (const change of changes) say(change, terminal);
}

function topicsOf(settings: Settings): TopicSpec[] {
  const { topic, deadLetterTopic } = namesOf(settings);
  const { partitions = PARTITIONS, replication = REPLICATION, retention = RETENTION_MS, brokers } = settings;
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

/** What was asked for: a topic that is there may well be other than the defaults. */
function askedOf({ partitions, replication, retention, retentionBytes }: Settings): string[] {
  const named = { partitions, replication, retentionMs: retention, retentionBytes };
  return Object.entries(named).flatMap(([of, value]) => value === undefined ? [] : [of]);
}

const WORDS: Record<Change["state"], string> = {
  "made": "made",
  "exists": "is there",
  "changed": "changed",
  "would-make": "would make",
  "would-change": "would change",
};

/** @param asked settings in which a difference is worth a word */
function say(change: Change, terminal: Terminal, asked: readonly string[] = []): void {
  const { what, state, statement, detail, differences = [] } = change;
  const dry = state === "would-make" || state === "would-change";
  if (dry) return terminal.print(statement);
  terminal.print(shown(`${WORDS[state].padEnd(9)} ${what}${detail === undefined ? "" : `: ${detail}`}`));
  const unlike = differences.filter(({ of }) => asked.includes(of));
  if (unlike.length === 0) return;
  terminal.print(`differs   ${what} has ${unlike.map(({ text }) => text).join(", ")}, and is left as it is`);
  for (const hint of new Set(unlike.map(({ hint }) => hint))) terminal.print(`          ${hint}`);
}
