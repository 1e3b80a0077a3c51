/** Where a consumer group stands in a topic: its lag, for `status` and the page. */
import type { Broker } from "../broker/broker.ts";

export interface GroupPosition {
  partition: number;
  /** The first offset that retention has left. */
  start: bigint;
  /** The next to be written. */
  end: bigint;
  /** null where the group has committed nothing: it begins at the start. */
  committed: bigint | null;
  /** Records that the group has not carried. */
  lag: number;
}

/** By partition. @throws {UserpipeError} as the broker's `partitions` and `committed` */
export async function positionsOf(broker: Broker, topic: string, group: string): Promise<GroupPosition[]> {
  const ranges = await broker.partitions(topic);
  const committed = await broker.committed(topic, group);
  return ranges.map(({ partition, start, end }) => {
    const position = committed.get(partition) ?? null;
    const from = position === null || position < start ? start : position;
    return { partition, start, end, committed: position, lag: Math.max(0, Number(end - from)) };
  });
}

/** Over all partitions. */
export function lagOf(positions: readonly GroupPosition[]): number {
  return positions.reduce((sum, { lag }) => sum + lag, 0);
}
