/**
 * Reads the answer to a Fetch request (version 11: Kafka 2.3 and later) without decoding its records: those
 * are decoded batch by batch when they are handed out, so that what waits takes no more than it did on the wire.
 */
import { wholeBatches } from "./kafka_frames.ts";
import type { RecordSet } from "./kafka_records.ts";

/** What was fetched of one partition. */
export interface FetchedPartition extends RecordSet {
  /** The end for a reader of committed records. */
  end: bigint;
  /** Read by kafkajs, which throws it. */
  errorCode: number;
}

/** In the shape that kafkajs expects of a decoded answer. */
export interface FetchResponse {
  throttleTime: number;
  clientSideThrottleTime: number;
  errorCode: number;
  sessionId: number;
  responses: { topicName: string; partitions: FetchedPartition[] }[];
}

/** https://kafka.apache.org/protocol#The_Messages_Fetch, response version 11. */
export function decodeFetchResponse(payload: Uint8Array): FetchResponse {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let at = 0;
  const int16 = () => view.getInt16((at += 2) - 2);
  const int32 = () => view.getInt32((at += 4) - 4);
  const int64 = () => view.getBigInt64((at += 8) - 8);
  const bytes = (length: number) => payload.subarray(at, at += Math.max(0, length));
  const array = <T>(item: () => T): T[] => Array.from({ length: Math.max(0, int32()) }, item);

  const partition = (): FetchedPartition => {
    const partition = int32();
    const errorCode = int16();
    const highWatermark = int64();
    const lastStable = int64();
    int64(); // The first offset that is kept.
    const aborted = array(() => ({ producerId: int64(), firstOffset: int64() }));
    int32(); // The replica to read from, for clients that name their rack.
    const records = bytes(int32());
    const { length, next } = wholeBatches(records);
    const end = lastStable >= 0n ? lastStable : highWatermark;
    // A batch that says it holds offsets past the end is damaged.
    const bounded = next !== null && next > end ? end : next;
    return { partition, bytes: records.subarray(0, length), aborted, next: bounded, end, errorCode };
  };
  return {
    // Kafka has not waited itself: it asks the client to (KIP-219).
    throttleTime: 0,
    clientSideThrottleTime: int32(),
    errorCode: int16(),
    sessionId: int32(),
    responses: array(() => ({ topicName: utf8.decode(bytes(int16())), partitions: array(partition) })),
  };
}

const utf8 = new TextDecoder();
