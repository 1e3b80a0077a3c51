/** An outbox in front of a broker that a test switches off and on, or that lacks topics. */
import { join } from "node:path";
import type { Broker, Message, Spool } from "../../src/broker/broker.ts";
import { openSqliteBroker } from "../../src/broker/sqlite.ts";
import { UserpipeError } from "../../src/errors.ts";
import { type OnEmpty, Outbox } from "../../src/ingest/outbox.ts";
import { withFolder } from "./cli.ts";

export const encoder = new TextEncoder();
export const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes);

export function numbered(from: number, to: number): Message[] {
  return Array.from({ length: to - from }, (_, n) => {
    const bytes = encoder.encode(String(from + n));
    return { key: bytes, value: bytes, headers: { h: bytes }, timestamp: from + n };
  });
}

/** A broker that is away, or here, and keeps what it gets. */
function switched() {
  const broker = {
    away: true,
    /** Topics that are not there once the broker is. */
    missing: new Set<string>(),
    published: [] as { topic: string; message: Message }[],
    refuses: (_message: Message) => false,
    publish: async (topic: string, messages: readonly Message[]) => {
      if (broker.away) throw new UserpipeError("broker-unreachable", "Cannot reach it", "Start it");
      if (broker.missing.has(topic)) {
        throw new UserpipeError("topic-missing", `There is no topic "${topic}"`, "Make it");
      }
      if (topic === "t" && messages.some(broker.refuses)) throw new UserpipeError("record-too-large", "too large", "");
      broker.published.push(...messages.map((message) => ({ topic, message })));
    },
  };
  return broker;
}

export async function withOutbox(
  work: (
    parts: {
      outbox: Outbox;
      broker: ReturnType<typeof switched>;
      another: (onEmpty?: OnEmpty) => Outbox;
      spool: Spool;
      path: string;
    },
  ) => Promise<void>,
  maxBytes = 1024 ** 3,
) {
  await withFolder(async (folder) => {
    const path = join(folder, "outbox.db");
    const spools = [openSqliteBroker({ path })];
    const broker = switched();
    const of = (spool: Spool, onEmpty?: OnEmpty) =>
      new Outbox({ spool, broker: broker as unknown as Broker, deadLetterTopic: "t.dlq", maxBytes, onEmpty });
    const another = (onEmpty?: OnEmpty) => of(spools[spools.push(openSqliteBroker({ path })) - 1]!, onEmpty);
    try {
      await work({ outbox: of(spools[0]!), broker, another, spool: spools[0]!, path });
    } finally {
      for (const spool of spools) await spool.close();
    }
  });
}

export const values = (broker: ReturnType<typeof switched>) =>
  broker.published.map(({ message }) => Number(text(message.value)));
export const upTo = (end: number) => Array.from({ length: end }, (_, n) => n);
