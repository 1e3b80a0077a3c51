/**
 * Which members of groups the processes of a data folder are: a file each, locked for as long as its process lives.
 * A lock that can be taken is of a process that died, which is taken out of its group without waiting for its session.
 */
import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { type LockedFile, tryLock } from "../lock_file.ts";
import { logger } from "../log.ts";

/** A member whose process has died. Its file is locked until `forget`. */
export interface DeadMember {
  memberId: string;
  /** It is out of the group. */
  forget(): void;
}

/** What a file holds, as JSON. */
interface Entry {
  brokers: string[];
  group: string;
  memberId: string;
}

const log = logger("broker");

export class MemberRecord {
  readonly #folder: string | undefined;
  readonly #brokers: string[];
  readonly #group: string;
  #file: LockedFile | undefined;
  #kept: string | null = null;
  #said = false;

  /** @param folder without one nothing is on record */
  constructor(folder: string | undefined, brokers: readonly string[], group: string) {
    this.#folder = folder;
    this.#brokers = brokers.toSorted();
    this.#group = group;
  }

  /** Puts this process on record as the member. Where that cannot be, it is said once, and nothing else follows. */
  keep(memberId: string | null): void {
    if (this.#folder === undefined || memberId === null || memberId === this.#kept) return;
    const entry: Entry = { brokers: this.#brokers, group: this.#group, memberId };
    try {
      this.#file ??= newFile(this.#folder);
      this.#file.write(JSON.stringify(entry));
      this.#kept = memberId;
    } catch (error) {
      this.#cannot(error);
    }
  }

  /**
   * The members of this group whose processes have died, one at a time: each is locked until the next is asked for, so
   * that no other process that starts has it too.
   */
  *dead(): Generator<DeadMember> {
    for (const path of this.#others()) {
      const locked = this.#tryLock(path);
      if (locked === null) continue;
      let held = true;
      const forget = () => {
        held = false;
        locked.remove();
      };
      try {
        const entry = entryIn(locked.read());
        if (entry === undefined) forget();
        else if (this.#isOurs(entry)) yield { memberId: entry.memberId, forget };
      } finally {
        if (held) locked[Symbol.dispose]();
      }
    }
  }

  /** The member has left its group. */
  remove(): void {
    this.#file?.remove();
    this.#file = undefined;
    this.#kept = null;
  }

  /** Leaves what is on record. */
  close(): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
  }

  #others(): string[] {
    const folder = this.#folder;
    if (folder === undefined) return [];
    try {
      return Array.from(Deno.readDirSync(folder), ({ name }) => join(folder, name));
    } catch (error) {
      this.#cannot(error);
      return [];
    }
  }

  /** @returns null where its process lives, and where it cannot be told */
  #tryLock(path: string): LockedFile | null {
    try {
      return tryLock(path);
    } catch (error) {
      this.#cannot(error);
      return null;
    }
  }

  #isOurs({ brokers, group }: Entry): boolean {
    return group === this.#group && brokers.join() === this.#brokers.join();
  }

  #cannot(error: unknown): void {
    if (this.#said) return;
    this.#said = true;
    log.warn(
      `Cannot keep a record of the group's members in "${this.#folder}": ${messageOf(error)}. \
After a kill, the partitions of this process wait until its session has run out`,
    );
  }
}

function newFile(folder: string): LockedFile {
  Deno.mkdirSync(folder, { recursive: true });
  for (;;) {
    const file = tryLock(join(folder, crypto.randomUUID()));
    // Another process that looks for the dead may have been at it first, and removes what is empty.
    if (file !== null) return file;
  }
}

/** @returns undefined where a process died before it had written it all */
function entryIn(text: string): Entry | undefined {
  try {
    return JSON.parse(text) ?? undefined;
  } catch {
    return undefined;
  }
}
