/**
 * How members of a group know each other dead at once: each holds a lock on a file of its own, which the
 * kernel frees when its process dies. A frozen process keeps it; its leases end by their expiry.
 */
import { join } from "node:path";

/** The folder with the lock files, beside the broker's file. */
export const lockFolder = (path: string): string => `${path}-members`;

/** A lock that says that member `id` lives, held until `release`. */
export interface LifeLock {
  release(): void;
}

/** Takes the lock of a member of this process. */
export function holdLock(folder: string, id: string): LifeLock {
  Deno.mkdirSync(folder, { recursive: true });
  const path = join(folder, id);
  const file = Deno.openSync(path, { create: true, write: true });
  file.lockSync(true);
  return {
    release: () => {
      removeFile(path);
      file.close();
    },
  };
}

/** Whether the member's lock is free: its process is gone. */
export function isDead(folder: string, id: string): boolean {
  const file = openFile(join(folder, id));
  if (!file) return false;
  try {
    return file.tryLockSync(true);
  } finally {
    file.close();
  }
}

/** Removes the lock file of a dead member. */
export function removeLock(folder: string, id: string): void {
  removeFile(join(folder, id));
}

function openFile(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { write: true });
  } catch (error) {
    // Without a file nothing is known, and the lease's expiry decides.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    // Two members may find the same one dead.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
