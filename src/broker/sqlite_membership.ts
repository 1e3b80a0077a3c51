/**
 * One member of a group of the embedded broker: the partitions that it has, taking and giving up partitions
 * as members come and go, and committing. What changes in memory changes only after the transaction.
 */
import { fault } from "../fault.ts";
import { logger } from "../log.ts";
import type { Database } from "../sqlite.ts";
import type { From } from "./broker.ts";
import { PartitionTracker } from "./positions.ts";
import { type Group, type Lease, LEASE_MS } from "./sqlite_group.ts";
import type { Log, Partition } from "./sqlite_log.ts";

const log = logger("broker");

/** A partition that this member has. */
export interface Owned {
  lease: Lease;
  tracker: PartitionTracker;
  /** What needs no commit: what is committed, or where it began. */
  committed: bigint;
  /** The partition's end as last seen. */
  end: bigint;
  /** It is to be given up once what is handed out of it is acknowledged; nothing more is. */
  draining: boolean;
}

export class Membership {
  readonly #db: Database;
  readonly #log: Log;
  readonly #group: Group;
  /** Until the first assignment, where that begins; from then on what is committed. */
  #from: From;
  #renewAt = 0;
  #owned = new Map<number, Owned>();

  constructor(db: Database, log: Log, group: Group, from: From) {
    this.#db = db;
    this.#log = log;
    this.#group = group;
    this.#from = from;
  }

  /** By partition. */
  get owned(): Owned[] {
    return [...this.#owned.values()].sort((a, b) => a.lease.partition.number - b.lease.partition.number);
  }

  has(owned: Owned): boolean {
    return this.#owned.get(owned.lease.partition.id) === owned;
  }

  /**
   * Looks whether this member has its share, and takes or gives up what it must.
   * @returns whether it was given partitions
   */
  balance(): boolean {
    const now = Date.now();
    if (!this.#mustWrite(now)) return false;
    const { lost, given, taken } = this.#db.transaction(() => this.#rebalance(now));
    this.#renewAt = now + LEASE_MS / 3;
    this.#dropLost(lost);
    for (const owned of given) this.#owned.delete(owned.lease.partition.id);
    for (const owned of taken) this.#owned.set(owned.lease.partition.id, owned);
    if (taken.length > 0) this.#from = "committed";
    return taken.length > 0;
  }

  /** In the common case nothing is to be written, and looking costs two small reads. */
  #mustWrite(now: number): boolean {
    if (now >= this.#renewAt) return true;
    const { present, share, free, dead } = this.#group.view(now);
    this.#setDraining(share);
    const wants = free > 0 && this.#owned.size < share;
    return !present || dead.length > 0 || wants || this.#drained().length > 0;
  }

  #rebalance(now: number) {
    for (const id of this.#group.view(now).dead) this.#group.remove(id);
    this.#group.enter(now);
    const lost = this.#lost();
    const kept = this.owned.filter((owned) => !lost.includes(owned));
    const { share } = this.#group.view(now);
    this.#setDraining(share);
    const given = this.#drained().filter((owned) => kept.includes(owned));
    this.#commitAll(moved(given));
    for (const { lease } of given) this.#group.release(lease);
    const taken = this.#claim(Math.max(0, share - kept.length));
    fault("rebalance");
    return { lost, given, taken };
  }

  /** What others took while this process was frozen. */
  #lost(): Owned[] {
    const leases = this.#group.leases();
    return this.owned.filter(({ lease }) => leases.get(lease.partition.id) !== lease.epoch);
  }

  #setDraining(share: number): void {
    this.owned.forEach((owned, i) => owned.draining = i >= share);
  }

  #drained(): Owned[] {
    return this.owned.filter((owned) => owned.draining && !owned.tracker.pending);
  }

  #claim(count: number): Owned[] {
    if (count === 0) return [];
    const ranges = this.#log.ranges(this.#group.topic);
    return this.#group.claim(count).map((lease) => {
      const { start, end } = ranges[lease.partition.number];
      const position = this.#beginning(lease, start, end);
      // A seek is the group's position from now on, whoever has the partition next.
      if (this.#from !== "committed") this.#group.commit(lease, position);
      return { lease, tracker: new PartitionTracker(position), committed: position, end, draining: false };
    });
  }

  #beginning({ partition, committed }: Lease, start: bigint, end: bigint): bigint {
    if (this.#from === "earliest") return start;
    if (this.#from === "latest") return end;
    if (this.#from !== "committed") return this.#log.offsetAt(partition, this.#from.timestamp);
    if (committed === undefined) return start;
    if (committed <= end) return committed;
    log.warning("The group's position lies behind the end of the partition: reading it from its start", {
      ...this.#place(partition),
      position: String(committed),
      end: String(end),
    });
    return start;
  }

  /** Commits what is acknowledged: durable when it returns. */
  commit(): void {
    const all = moved(this.owned);
    if (all.length === 0) return;
    this.#dropLost(this.#db.transaction(() => this.#commitAll(all)));
    for (const { owned, position } of all) owned.committed = position;
  }

  /** Commits, gives up every partition and leaves the group. */
  leave(): void {
    try {
      const lost = this.#db.transaction(() => {
        const lost = this.#commitAll(moved(this.owned));
        this.#group.remove(this.#group.id);
        return lost;
      });
      this.#dropLost(lost);
    } finally {
      this.#owned.clear();
      this.#group.end();
    }
  }

  /** @returns those whose lease is somebody else's */
  #commitAll(all: readonly Moved[]): Owned[] {
    return all.filter(({ owned, position }) => !this.#group.commit(owned.lease, position)).map(({ owned }) => owned);
  }

  #dropLost(lost: readonly Owned[]): void {
    for (const { lease } of lost) {
      this.#owned.delete(lease.partition.id);
      log.warning("Another member of the group has taken a partition over", this.#place(lease.partition));
    }
  }

  #place(partition: Partition) {
    return { topic: this.#group.topic.name, group: this.#group.name, partition: partition.number };
  }
}

interface Moved {
  owned: Owned;
  position: bigint;
}

function moved(owned: readonly Owned[]): Moved[] {
  const all = owned.map((owned) => ({ owned, position: owned.tracker.acknowledged }));
  return all.filter(({ owned, position }) => position !== owned.committed);
}
