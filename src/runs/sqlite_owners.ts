/**
 * Which processes have runs: each holds a lock on a file of its own in a folder beside the record. All but `close` and
 * `isAlive` is called inside the record's transactions, so that no file is looked at while another process is making it.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isLocked, type LockedFile, tryLock } from "../lock_file.ts";

export class Owners {
  /** Of this process. It is nobody's in the record until `own` is called. */
  readonly id = crypto.randomUUID();
  readonly #folder: string;
  #lock: LockedFile | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** This process, which lives from now on. @returns its id */
  own(): string {
    if (this.#lock !== undefined) return this.id;
    Deno.mkdirSync(this.#folder, { recursive: true });
    const lock = tryLock(join(this.#folder, this.id));
    if (lock === null) throw new Error("Somebody has the lock of a name that is new");
    this.#lock = lock;
    return this.id;
  }

  /** The ids of those that live, this one too; what the others left is cleared away. */
  alive(): Set<string> {
    const alive = new Set<string>();
    if (!existsSync(this.#folder)) return alive;
    for (const { name } of [...Deno.readDirSync(this.#folder)]) {
      const lock = tryLock(join(this.#folder, name));
      if (lock === null) alive.add(name);
      else lock.remove();
    }
    return alive;
  }

  /** Whether one lives that is on record: it had its lock before it was. */
  isAlive(id: string): boolean {
    return isLocked(join(this.#folder, id));
  }

  close(): void {
    this.#lock?.remove();
    this.#lock = undefined;
  }
}
