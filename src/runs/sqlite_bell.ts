/**
 * A file beside the record of runs that is touched behind each commit that others wait for, so that they need not look at the
 * record several times a second.
 */

const bellOf = (path: string): string => `${path}-changed`;

/** Says to whoever hears that something was committed. */
export function ring(path: string): void {
  try {
    Deno.writeFileSync(bellOf(path), new Uint8Array());
  } catch {
    // Of another user it may not be written: what is committed is then found at the next look.
  }
}

/**
 * What is heard of {@linkcode ring}: an event or several each time, behind the commit.
 * @returns undefined where a file cannot be watched, or tells of it late
 */
export function hearing(path: string): Deno.FsWatcher | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    ring(path);
    return Deno.watchFs([path, bellOf(path)]);
  } catch {
    // No file system has to offer it, and the system's watches may be used up.
    return undefined;
  }
}
