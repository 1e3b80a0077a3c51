/** One partition while a member of a group owns it: where the next fetch begins, and what may be committed. */
import { PartitionTracker } from "./positions.ts";

/** A batch: where it ends, and its messages. */
interface Handed {
  next: bigint;
  messages: number;
}

export class OwnedPartition {
  readonly partition: number;
  /** Where the next fetch begins. */
  fetchNext: bigint;
  /** The partition's end as last seen. */
  end: bigint;
  #committed: bigint;
  #tracker: PartitionTracker;
  /** What is handed out, in order, and not below the acknowledged position. */
  #behind: Handed[] = [];
  /** What is below it and not committed. */
  #due: Handed[] = [];
  /** Messages of both. */
  #uncommitted = 0;
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
    while (this.#due.length > 0 && this.#due[0].next <= position) this.#uncommitted -= this.#due.shift()!.messages;
  }

  /** Messages handed out and not committed. */
  get uncommitted(): number {
    return this.#uncommitted;
  }

  /** Whether a commit would free some of them. */
  get due(): boolean {
    return this.#due.length > 0;
  }

  /**
   * Notes a batch of so many messages.
   * @returns its acknowledgement, of all of it or of what lies before `carried`
   */
  begin(next: bigint, messages: number): (carried?: bigint) => boolean {
    const tracker = this.#tracker;
    const done = tracker.begin(next);
    const handed = { next, messages };
    this.#behind.push(handed);
    this.#uncommitted += messages;
    return (carried) => {
      if (!done(carried)) return false;
      // Of a batch from before the topic was made again there is nothing to count.
      if (tracker === this.#tracker) this.#acknowledge(handed, carried);
      return true;
    };
  }

  #acknowledge(handed: Handed, carried = handed.next): void {
    if (carried < handed.next) {
      // No commit will ever pass it, and what was left of it was not stored.
      this.#behind.splice(this.#behind.indexOf(handed), 1);
      this.#uncommitted -= handed.messages;
    }
    const passed = this.#behind.findIndex(({ next }) => next > this.acknowledged);
    this.#due.push(...this.#behind.splice(0, passed < 0 ? this.#behind.length : passed));
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
    this.#behind = [];
    this.#due = [];
    this.#uncommitted = 0;
  }
}
