/** Cuts what was fetched into runs of messages of the size that is asked for, across record batches. */
import type { Delivered } from "./broker.ts";
import { recordBatches, type RecordSet } from "./kafka_records.ts";

/** A run of messages of one partition. */
export interface Run {
  messages: Delivered[];
  /** The position after it, past control records and compacted ones where the run ends with a batch. */
  next: bigint;
  bytes: number;
  /** It is a batch that does not fit its checksum: to be fetched once more before that is believed. */
  doubtful?: boolean;
}

export interface RunLimits {
  maxMessages: number;
  /** One message may exceed it alone. */
  maxBytes: number;
}

/**
 * The messages from `from` on. A last run without messages says that control records or compacted ones were
 * passed over. A batch that cannot be read is a run alone, since the position after it is not that of its message.
 */
export function* runs(set: RecordSet, from: bigint, limits: RunLimits): Generator<Run> {
  let run: Run = { messages: [], next: from, bytes: 0 };
  let given = from;
  const give = (): Run => {
    const full = run;
    const last = full.messages.at(-1);
    if (last !== undefined && full.next <= last.offset) full.next = last.offset + 1n;
    given = full.next;
    run = { messages: [], next: given, bytes: 0 };
    return full;
  };
  for (const { messages, sizes, next, unreadable } of recordBatches(set, from)) {
    if (unreadable !== undefined && run.messages.length > 0) yield give();
    for (let i = 0; i < messages.length; i++) {
      const full = run.messages.length === limits.maxMessages || run.bytes + sizes[i] > limits.maxBytes;
      if (full && run.messages.length > 0) yield give();
      run.messages.push(messages[i]);
      run.bytes += sizes[i];
    }
    run.next = next;
    if (unreadable !== undefined) {
      run.doubtful = unreadable.checksum;
      yield give();
    }
  }
  if (run.next > given) yield give();
}
