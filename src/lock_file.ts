/**
 * Lock files, by which processes know each other dead: the kernel frees a lock when the process that holds it dies, and a
 * frozen process keeps its own.
 */

/** A lock that is held. Disposing of it frees it and leaves the file. */
export interface LockedFile extends Disposable {
  /** What the file holds. */
  read(): string;
  /** Replaces what the file holds. */
  write(text: string): void;
  /** Removes the file and frees the lock. */
  remove(): void;
}

/**
 * Takes the lock of a file, which is made where it is not there; never waits.
 * @returns null where another has it, in this process or in another
 */
export function tryLock(path: string): LockedFile | null {
  const file = Deno.openSync(path, { create: true, read: true, write: true });
  if (!file.tryLockSync(true)) {
    file.close();
    return null;
  }
  return {
    read: () => {
      const bytes = new Uint8Array(file.statSync().size);
      file.seekSync(0, Deno.SeekMode.Start);
      return new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
    },
    write: (text) => {
      file.truncateSync(0);
      file.seekSync(0, Deno.SeekMode.Start);
      file.writeSync(new TextEncoder().encode(text));
    },
    remove: () => {
      removeFile(path);
      file.close();
    },
    [Symbol.dispose]: () => file.close(),
  };
}

/** Whether somebody holds the lock of a file that is there; where it may not be looked at, somebody may. Takes nothing. */
export function isLocked(path: string): boolean {
  try {
    using file = Deno.openSync(path, { read: true });
    return !file.tryLockSync(false);
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    // Somebody cleared the folder: what it was for is reached.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
