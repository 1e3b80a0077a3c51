/**
 * How long things took, as counts in buckets that each reach a tenth further than the one before: quantiles to within 5 % of any
 * number of times in little memory, and threads send each other what is new.
 */

/** The quantiles of times in ms; null where there was none. */
export interface Quantiles {
  count: number;
  p50: number | null;
  p99: number | null;
}

/** Times as data. */
export interface Tally {
  /** By bucket, those that are not empty. */
  counts: [bucket: number, count: number][];
  /** Of all of them, in ms. */
  sum: number;
}

/** Buckets to a doubling. */
const STEPS = 8;
/** The first bucket ends here, and what is beyond the last, 24 days, counts there. */
const LOWEST_MS = 2 ** -5;
const DOUBLINGS = 36;
const LAST = DOUBLINGS * STEPS;

/** The times of one thing. */
export class Durations {
  readonly #counts = new Uint32Array(LAST + 1);
  #count = 0;
  #sum = 0;

  get count(): number {
    return this.#count;
  }

  /** In ms. */
  get sum(): number {
    return this.#sum;
  }

  /** @param ms below 0, as by two clocks, it counts as 0 */
  add(ms: number): void {
    this.#counts[bucketOf(ms)]!++;
    this.#count++;
    this.#sum += Math.max(0, ms);
  }

  merge({ counts, sum }: Tally): void {
    for (const [bucket, count] of counts) {
      this.#counts[bucket]! += count;
      this.#count += count;
    }
    this.#sum += sum;
  }

  /** What there is; nothing is left. */
  take(): Tally {
    const tally: Tally = { counts: [], sum: this.#sum };
    this.#counts.forEach((count, bucket) => count > 0 && tally.counts.push([bucket, count]));
    this.#counts.fill(0);
    this.#count = this.#sum = 0;
    return tally;
  }

  /** How many took no longer. @param ms a power of two, for which it is exact */
  upTo(ms: number): number {
    let count = 0;
    for (let bucket = bucketOf(ms); bucket >= 0; bucket--) count += this.#counts[bucket]!;
    return count;
  }

  quantiles(): Quantiles {
    return { count: this.#count, p50: this.#quantile(0.5), p99: this.#quantile(0.99) };
  }

  #quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.ceil(share * this.#count);
    let seen = 0;
    const bucket = this.#counts.findIndex((count) => (seen += count) >= rank);
    if (bucket === 0) return 0;
    // The middle of the bucket, in three digits: more of them would say nothing.
    return Number((LOWEST_MS * 2 ** ((bucket - 0.5) / STEPS)).toPrecision(3));
  }
}

function bucketOf(ms: number): number {
  return ms <= LOWEST_MS ? 0 : Math.min(LAST, Math.ceil(Math.log2(ms / LOWEST_MS) * STEPS));
}

/** How far back {@linkcode Watched.recent} looks. */
export const RECENT_MS = 10_000;

/** The times of one thing, all of them and those of the last seconds. */
export class Watched {
  readonly all = new Durations();
  /** Oldest first. */
  #recent: { at: number; tally: Tally }[] = [];

  /** @param now in ms since the epoch */
  add(tally: Tally, now: number): void {
    if (tally.counts.length === 0) return;
    this.all.merge(tally);
    this.#recent = this.#since(now);
    this.#recent.push({ at: now, tally });
  }

  recent(now: number): Quantiles {
    const sum = new Durations();
    for (const { tally } of this.#since(now)) sum.merge(tally);
    return sum.quantiles();
  }

  #since(now: number) {
    return this.#recent.filter(({ at }) => at > now - RECENT_MS && at <= now);
  }
}
