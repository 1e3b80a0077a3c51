/** One partition while a member of a group owns it: where the next fetch begins, and what may be committed. */
import { PartitionTracker } from "./positions.ts";

/** What a commit is to say of a partition. */
export interface Commit {
  position: bigint;
  /** To be called once Kafka has taken it. */
  done(): void;
}

export class OwnedPartition {
  readonly partition: number;
  /** Where the next fetch begins. */
  fetchNext: bigint;
  /** The partition's end as last seen. */
  end: bigint;
  #committed: bigint;
  #tracker: PartitionTracker;
  /** Messages of the tracker's that lie below what is committed. */
  #safe = 0;
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

  /** What there is to commit; undefined where the group has it already. */
  toCommit(): Commit | undefined {
    const tracker = this.#tracker;
    const { acknowledged: position, passed } = tracker;
    if (position === this.#committed) return undefined;
    return {
      position,
      done: () => {
        this.#committed = position;
        // Of a topic from before it was made again there is nothing to count.
        if (tracker === this.#tracker) this.#safe = passed;
      },
    };
  }

  /** Messages handed out and not committed. */
  get uncommitted(): number {
    return this.#tracker.begun - this.#safe;
  }

  /**
   * Notes a batch of so many messages.
   * @returns its acknowledgement, of all of it or of what lies before `carried`
   */
  begin(next: bigint, messages: number): (carried?: bigint) => boolean {
    return this.#tracker.begin(next, messages);
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
    this.#safe = 0;
  }
}
