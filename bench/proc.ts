/** What Linux says of processes that run: their children, their time on a core, their memory. Elsewhere undefined. */

/** USER_HZ, which Linux fixes for user space. */
const TICK_MS = 10;

/** A process and all that came of it, as far as they run. */
export function tree(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const { name } of Deno.build.os === "linux" ? Deno.readDirSync("/proc") : []) {
    const parent = /^\d+$/.test(name) ? stat(Number(name))?.[1] : undefined;
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  const found = [pid];
  for (const each of found) for (const [child, parent] of parents) if (parent === each) found.push(child);
  return found;
}

/** User and system time, to 10 ms a process, with that of children that have ended. */
export function cpuMs(pids: readonly number[]): number | undefined {
  const ticks = pids.map(stat).filter((fields) => fields !== undefined)
    .map((fields) => [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0));
  return ticks.length === 0 ? undefined : ticks.reduce((sum, each) => sum + each, 0) * TICK_MS;
}

/** The largest resident memory of a process so far. */
export function peakMb(pid: number): number | undefined {
  return memory(pid, "VmHWM");
}

/** Resident memory of processes now, together. */
export function residentMb(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (memory(pid, "VmRSS") ?? 0), 0);
}

function memory(pid: number, field: "VmHWM" | "VmRSS"): number | undefined {
  const kib = new RegExp(`${field}:\\s+(\\d+)`).exec(read(`/proc/${pid}/status`) ?? "")?.[1];
  return kib === undefined ? undefined : Number(kib) / 1024;
}

/** The fields behind the name, which may hold anything; the first is the state. */
function stat(pid: number): string[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // The process has ended, or there is no /proc.
    return undefined;
  }
}
