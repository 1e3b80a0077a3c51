/** Ends in memory for what a real one cannot be made to do: a store that fails as it is told, a broker that counts. */
import type { Batch, Broker, Delivered, Message, Position, Subscription } from "../../src/broker/broker.ts";
import type { Row } from "../../src/pipeline.ts";
import type { Store, WriteResult } from "../../src/store/store.ts";

/** What becomes of one `write`: undefined is all stored; thrown as it is where it is an error. */
export type Fate = (rows: readonly Row[], call: number) => Partial<WriteResult> | undefined;

/** A store that keeps what `fate` lets through. */
export function memoryStore(fate: Fate): Store & { rows: Map<string, Row>; calls: number } {
  const rows = new Map<string, Row>();
  const store = {
    name: "the store in memory",
    appetite: 10_000,
    rows,
    calls: 0,
    check: async () => ({ component: "store", ok: true, detail: "" }),
    async write(given: readonly Row[]): Promise<WriteResult> {
      const { refused = [], unwritten = [] } = fate(given, ++store.calls) ?? {};
      const failed = new Set([...refused, ...unwritten].map(({ index }) => index));
      given.forEach((row, index) => failed.has(index) || rows.set(String(row.values[0]), row));
      return { refused, unwritten };
    },
    close: async () => {},
  };
  return store as unknown as Store & { rows: Map<string, Row>; calls: number };
}

/** A broker of one partition that hands out `batches` once, and keeps what is published and acknowledged. */
export function memoryBroker(
  batches: Delivered[][],
): Broker & { published: Map<string, Message[]>; acknowledged: bigint[] } {
  const published = new Map<string, Message[]>();
  const acknowledged: bigint[] = [];
  const end = BigInt(batches.flat().length);
  const subscribe = async (): Promise<Subscription> => {
    const left = [...batches];
    let wake = () => {};
    let stopped = false;
    return {
      async next(): Promise<Batch | null> {
        const messages = left.shift();
        if (messages === undefined && !stopped) await new Promise<void>((resolve) => wake = resolve);
        if (messages === undefined || stopped) return null;
        const next = messages.at(-1)!.offset + 1n;
        return { partition: 0, messages, next, bytes: 0, acknowledge: (to = next) => void acknowledged.push(to) };
      },
      positions: (): Position[] => [{ partition: 0, acknowledged: acknowledged.at(-1) ?? 0n, end }],
      stop() {
        stopped = true;
        wake();
      },
      commit: async () => {},
      close: async () => {},
    };
  };
  const broker = {
    name: "the broker in memory",
    published,
    acknowledged,
    subscribe,
    partitions: async () => [{ partition: 0, start: 0n, end }],
    committed: async () => new Map(),
    publish: async (topic: string, messages: readonly Message[]) => {
      published.set(topic, [...published.get(topic) ?? [], ...messages]);
    },
  };
  return broker as unknown as ReturnType<typeof memoryBroker>;
}
