/**
 * What both broker adapters count for a subscription: the lowest offset of a partition below which everything
 * is acknowledged, and the bytes that are handed out and not acknowledged.
 */

interface Handed {
  next: bigint;
  messages: number;
  /** Where its acknowledged part ends; undefined until then. */
  carried: bigint | undefined;
}

/** One partition's position: batches are handed out in order and acknowledged in any order. */
export class PartitionTracker {
  #acknowledged: bigint;
  #next: bigint;
  /** What is handed out, in order, from `#head` on; everything before it is acknowledged. */
  #handed: Handed[] = [];
  #head = 0;
  #begun = 0;
  #passed = 0;

  /** @param start the offset of the first message that will be handed out */
  constructor(start: bigint) {
    this.#acknowledged = start;
    this.#next = start;
  }

  /** I1: everything below is acknowledged. */
  get acknowledged(): bigint {
    return this.#acknowledged;
  }

  /** Where the next batch begins. */
  get next(): bigint {
    return this.#next;
  }

  /** Whether anything is handed out and not acknowledged. */
  get pending(): boolean {
    return this.#head < this.#handed.length;
  }

  /** Messages that were handed out, less those of batches that were carried in part, which the position never passes. */
  get begun(): number {
    return this.#begun;
  }

  /** Those of them that lie below the position. */
  get passed(): number {
    return this.#passed;
  }

  /**
   * Notes a batch of so many messages that ends before `next`.
   * @returns its acknowledgement, of all of it or of what lies before `carried`: true the first time it is called,
   * false from then on
   */
  begin(next: bigint, messages = 0): (carried?: bigint) => boolean {
    if (next < this.#next) {
      throw new RangeError(`A batch that ends at ${next} cannot follow one that ends at ${this.#next}`);
    }
    const handed: Handed = { next, messages, carried: undefined };
    this.#next = next;
    this.#begun += messages;
    this.#handed.push(handed);
    return (carried = next) => {
      if (handed.carried !== undefined) return false;
      handed.carried = carried;
      if (carried < next) this.#begun -= messages;
      this.#advance();
      return true;
    };
  }

  #advance(): void {
    for (let first = this.#handed[this.#head]; first?.carried !== undefined; first = this.#handed[++this.#head]) {
      if (first.carried > this.#acknowledged) this.#acknowledged = first.carried;
      // The rest of a batch that was carried in part stays unacknowledged, and all behind it.
      if (first.carried < first.next) return;
      this.#passed += first.messages;
    }
    // Cut off in halves, so that an acknowledgement costs the same however much is handed out.
    if (this.#head * 2 < this.#handed.length) return;
    this.#handed = this.#handed.slice(this.#head);
    this.#head = 0;
  }
}

interface Waiting {
  bytes: number;
  admit(): void;
}

/** The bytes handed out and not acknowledged, over all partitions of a subscription. */
export class InFlight {
  readonly limit: number;
  #bytes = 0;
  /** First come, first served: a large batch is not held back for ever by small ones. */
  #waiting: Waiting[] = [];

  constructor(limit: number) {
    this.limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Waits until a batch of `bytes` may be handed out, and counts it. One batch may exceed the limit alone.
   * @returns false, with nothing counted, where `signal` is aborted before there is room
   */
  take(bytes: number, signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return Promise.resolve(false);
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const waiting: Waiting = {
        bytes,
        admit: () => {
          signal?.removeEventListener("abort", leave);
          resolve(true);
        },
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(false);
        this.#admit();
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(waiting);
    });
  }

  /** Gives back what an acknowledged batch took. */
  give(bytes: number): void {
    this.#bytes -= bytes;
    this.#admit();
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.limit;
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0].bytes)) {
      const waiting = this.#waiting.shift()!;
      this.#bytes += waiting.bytes;
      waiting.admit();
    }
  }
}
