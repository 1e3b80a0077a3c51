/** One partition while a member of a group owns it: where the next fetch begins, and what may be committed. */
import { PartitionTracker } from "./positions.ts";

export class OwnedPartition {
  readonly partition: number;
  /** Where the next fetch begins. */
  fetchNext: bigint;
  /** The partition's end as last seen. */
  end: bigint;
  #committed: bigint;
  #tracker: PartitionTracker;
  /** Batches that are not committed: where each ends, and its messages. */
  #uncommitted: { next: bigint; messages: number }[] = [];
  /** The first offset of a batch that did not fit its checksum, and was asked for once more. */
  #doubted: bigint | undefined;

  constructor(partition: number, start: bigint, end: bigint) {
    this.partition = partition;
    this.fetchNext = start;
    this.end = end;
    this.#committed = start;
    this.#tracker = new PartitionTracker(start);
  }

  /** I1: everything below is acknowledged. */
  get acknowledged(): bigint {
    return this.#tracker.acknowledged;
  }

  /** What the group's position is, as far as this member set it. */
  get committed(): bigint {
    return this.#committed;
  }

  set committed(position: bigint) {
    this.#committed = position;
    this.#uncommitted = this.#uncommitted.filter(({ next }) => next > position);
  }

  /** Messages handed out whose batch is not committed. */
  get uncommitted(): number {
    return this.#uncommitted.reduce((sum, { messages }) => sum + messages, 0);
  }

  /**
   * Notes a batch of so many messages.
   * @returns its acknowledgement, of all of it or of what lies before `carried`
   */
  begin(next: bigint, messages: number): (carried?: bigint) => boolean {
    const done = this.#tracker.begin(next);
    this.#uncommitted.push({ next, messages });
    return done;
  }

  /**
   * Of a batch that does not fit its checksum: what is not handed out yet is fetched once more.
   * @returns false where that was done for it before
   */
  fetchAgain(first: bigint): boolean {
    if (this.#doubted === first) return false;
    this.#doubted = first;
    this.fetchNext = this.#tracker.next;
    return true;
  }

  /** Begins anew where the topic was made again: what was handed out before acknowledges without effect. */
  restart(start: bigint): void {
    this.fetchNext = start;
    this.#tracker = new PartitionTracker(start);
    this.#uncommitted = [];
  }
}
