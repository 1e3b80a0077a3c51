/** One partition while a member of a group owns it: where the next fetch begins, and what may be committed. */
import { PartitionTracker } from "./positions.ts";

export class OwnedPartition {
  readonly partition: number;
  /** Where the next fetch begins. */
  fetchNext: bigint;
  /** The partition's end as last seen. */
  end: bigint;
  /** What the group's position is, as far as this member set it. */
  committed: bigint;
  #tracker: PartitionTracker;

  constructor(partition: number, start: bigint, end: bigint) {
    this.partition = partition;
    this.fetchNext = start;
    this.end = end;
    this.committed = start;
    this.#tracker = new PartitionTracker(start);
  }

  /** I1: everything below is acknowledged. */
  get acknowledged(): bigint {
    return this.#tracker.acknowledged;
  }

  /** Notes a batch. @returns its acknowledgement, of all of it or of what lies before `carried` */
  begin(next: bigint): (carried?: bigint) => boolean {
    return this.#tracker.begin(next);
  }

  /** Begins anew where the topic was made again: what was handed out before acknowledges without effect. */
  restart(start: bigint): void {
    this.fetchNext = start;
    this.#tracker = new PartitionTracker(start);
  }
}
