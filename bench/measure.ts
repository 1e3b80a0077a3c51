/** Runs the program once and measures it from outside, as a person would with `time`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { COMPILED_FLAGS, ROOT } from "../tools/build/options.ts";

const BINARY = join(ROOT, "userpipe");

export interface Measured {
  /** Launch to end. */
  ms: number;
  /** User and system time; undefined where there is no /proc. */
  cpuMs?: number;
  /** Largest resident memory; undefined where there is no /proc. */
  peakMb?: number;
  /** Standard output. */
  output: string;
}

const SAMPLE_MS = 20;
/** USER_HZ, which Linux fixes for user space. */
const TICK_MS = 10;

/**
 * Runs the built executable where there is one, else the sources.
 * @param cwd the data folder goes below it
 * @param env names the ends
 * @throws {Error} where the command fails
 */
export async function measure(args: string[], cwd: string, env: Record<string, string>): Promise<Measured> {
  const [command, before] = existsSync(BINARY)
    ? [BINARY, []]
    : [Deno.execPath(), ["run", ...COMPILED_FLAGS, "--config", join(ROOT, "deno.json"), join(ROOT, "main.ts")]];
  const started = performance.now();
  const child = new Deno.Command(command, { args: [...before, ...args], cwd, env, stdout: "piped", stderr: "piped" })
    .spawn();
  let seen: Pick<Measured, "cpuMs" | "peakMb"> = {};
  const sampler = setInterval(() => seen = sample(child.pid) ?? seen, SAMPLE_MS);
  const { code, stdout, stderr } = await child.output().finally(() => clearInterval(sampler));
  const ms = performance.now() - started;
  const output = new TextDecoder().decode(stdout);
  if (code !== 0) {
    throw new Error(`${args.join(" ")} ended with ${code}:\n${output}${new TextDecoder().decode(stderr)}`);
  }
  return { ms, output, ...seen };
}

function sample(pid: number): Pick<Measured, "cpuMs" | "peakMb"> | undefined {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
    const peak = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
    // It has ended and is not yet reaped.
    if (peak === undefined) return undefined;
    return { cpuMs: (Number(fields[11]) + Number(fields[12])) * TICK_MS, peakMb: Number(peak) / 1024 };
  } catch {
    // The process is gone, or there is no /proc.
    return undefined;
  }
}
