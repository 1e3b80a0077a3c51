/**
 * A consumer group of the embedded broker in SQLite: its members, who has the lease of which partition, and the
 * committed positions. A commit names owner and epoch, so that one who lost a lease cannot move its position.
 */
import type { Database } from "../sqlite.ts";
import { holdLock, isDead, type LifeLock, lockFolder, removeLock } from "./sqlite_alive.ts";
import type { Partition, Topic } from "./sqlite_log.ts";
import { rows } from "./sqlite_schema.ts";

/** How long a member's leases last after it last said that it lives, in ms. Only a frozen process needs it. */
export const LEASE_MS = 10_000;

/** The right to a partition. */
export interface Lease {
  partition: Partition;
  epoch: number;
  /** What was committed before, if anything. */
  committed: bigint | undefined;
}

/** What a member sees of its group. */
export interface View {
  /** Whether this member is in it. */
  present: boolean;
  /** How many partitions this member should have. */
  share: number;
  /** How many partitions nobody has. */
  free: number;
  /** Members whose process is gone, or whose leases have ended. */
  dead: string[];
}

export class Group {
  readonly #sql;
  readonly #folder: string;
  readonly #lock: LifeLock;
  readonly topic: Topic;
  readonly name: string;
  readonly id: string = crypto.randomUUID();

  /** A member of its own; it enters with `enter`. Everything that writes is called in a transaction. */
  constructor(db: Database, topic: Topic, name: string) {
    this.#sql = statements(db);
    this.topic = topic;
    this.name = name;
    this.#folder = lockFolder(db.path);
    this.#lock = holdLock(this.#folder, this.id);
  }

  /** The group as it is now; partitions are shared so that no two members differ by more than one. */
  view(now: number): View {
    const members = this.#sql.members.all(this.topic.name, this.name);
    const dead = members.filter(([id, expires]) => id !== this.id && (expires < now || isDead(this.#folder, id)));
    const rank = members.findIndex(([id]) => id === this.id);
    const count = this.topic.partitions.length;
    const share = Math.floor(count / members.length) + (rank < count % members.length ? 1 : 0);
    const [free] = this.#sql.free.get(this.topic.name, this.name)!;
    return { present: rank >= 0, share: rank < 0 ? 0 : share, free, dead: dead.map(([id]) => id) };
  }

  /** Enters the group, or says that this member lives. */
  enter(now: number): void {
    const expires = now + LEASE_MS;
    if (this.#sql.renew.run(expires, this.id).changes > 0) return;
    this.#sql.join.run(this.id, this.topic.name, this.name, expires);
    this.#sql.seats.run(this.name, this.topic.name);
  }

  /** Takes a member out; its partitions are free. */
  remove(id: string): void {
    this.#sql.releaseAll.run(id);
    this.#sql.leave.run(id);
    // One that is only frozen keeps its lock, and comes back with it.
    if (isDead(this.#folder, id)) removeLock(this.#folder, id);
  }

  /** The epochs of the leases that this member has, by the partition's row. */
  leases(): Map<number, number> {
    return new Map(this.#sql.mine.all(this.id));
  }

  /** Takes up to `count` free partitions. */
  claim(count: number): Lease[] {
    const free = this.#sql.claimable.all(this.name, this.topic.name, count);
    return free.map(([id, number, position, epoch]) => {
      this.#sql.claim.run(this.id, epoch + 1, this.name, id);
      const committed = position === null ? undefined : BigInt(position);
      return { partition: { id, number }, epoch: epoch + 1, committed };
    });
  }

  /** Moves the position. @returns false, with nothing done, where the lease is somebody else's */
  commit({ partition, epoch }: Lease, position: bigint): boolean {
    return this.#sql.commit.run(position, this.name, partition.id, this.id, epoch).changes > 0;
  }

  release({ partition, epoch }: Lease): void {
    this.#sql.release.run(this.name, partition.id, this.id, epoch);
  }

  /** Ends the lock that says that this member lives. */
  end(): void {
    this.#lock.release();
  }
}

function statements(db: Database) {
  return {
    members: rows<[id: string, expires: number]>(
      db,
      "SELECT id, expires FROM members WHERE topic = ? AND group_name = ? ORDER BY rank",
    ),
    free: rows<[count: number]>(
      db,
      `SELECT count(*) FROM partitions p JOIN positions ON partition = p.id
       WHERE p.topic = ? AND group_name = ? AND owner IS NULL`,
    ),
    join: db.prepare("INSERT INTO members (id, topic, group_name, expires) VALUES (?, ?, ?, ?)"),
    seats: db.prepare(
      "INSERT OR IGNORE INTO positions (group_name, partition) SELECT ?, id FROM partitions WHERE topic = ?",
    ),
    renew: db.prepare("UPDATE members SET expires = ? WHERE id = ?"),
    leave: db.prepare("DELETE FROM members WHERE id = ?"),
    mine: rows<[partition: number, epoch: number]>(db, "SELECT partition, epoch FROM positions WHERE owner = ?"),
    claimable: rows<[id: number, number: number, position: number | null, epoch: number]>(
      db,
      `SELECT p.id, p.number, position, epoch FROM partitions p JOIN positions ON partition = p.id
       WHERE group_name = ? AND topic = ? AND owner IS NULL ORDER BY p.number LIMIT ?`,
    ),
    claim: db.prepare("UPDATE positions SET owner = ?, epoch = ? WHERE group_name = ? AND partition = ?"),
    commit: db.prepare(
      "UPDATE positions SET position = ? WHERE group_name = ? AND partition = ? AND owner = ? AND epoch = ?",
    ),
    release: db.prepare(
      "UPDATE positions SET owner = NULL WHERE group_name = ? AND partition = ? AND owner = ? AND epoch = ?",
    ),
    releaseAll: db.prepare("UPDATE positions SET owner = NULL WHERE owner = ?"),
  };
}
