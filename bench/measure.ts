/** Runs a program and measures it from outside, as a person would with `time`: its clock, its CPU, its memory. */
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { environment, type Program } from "./program.ts";
import { cpuMs, peakMb, residentMb, tree } from "./proc.ts";

export interface Options {
  /** The current folder; data goes below it. */
  cwd: string;
  /** Names the ends. */
  env: Record<string, string>;
  /** Whether to count the memory of what it starts as well. */
  tree?: boolean;
}

export interface Ended {
  code: number;
  /** Launch to end. */
  ms: number;
  /** User and system time to the millisecond, of what it started and waited for too. */
  cpuMs: number;
}

/** A process that was started. */
export interface Running {
  readonly pid: number;
  /** `performance.now()` just before the launch. */
  readonly launched: number;
  /** What it printed so far: standard output, and both streams. */
  readonly stdout: string;
  readonly output: string;
  /** CPU so far, with that of all it started, to 10 ms; undefined where there is no /proc. */
  cpuMs(): number | undefined;
  /** Largest resident memory so far; undefined where there is no /proc. */
  peakMb(): number | undefined;
  /** Resolves once `holds` does. @throws {Failure} when the process ends or `limitMs` pass first */
  until(holds: () => boolean | Promise<boolean>, limitMs: number, everyMs?: number): Promise<void>;
  /** Asks it to end, and kills what is left of it after a while. */
  stop(): Promise<Ended>;
  kill(): Promise<Ended>;
  readonly ended: Promise<Ended>;
}

/** Bash's own `time` is the one everywhere that knows of a child what `wait4` says of it, to the millisecond. */
const TIMED = `times=$1; shift; TIMEFORMAT='%3U %3S'
{ time sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$@" 2>&3 3>&-; } 3>&2 2>"$times"`;

const SAMPLE_MS = 50;
const TREE_SAMPLE_MS = 250;
const STOP_WITHIN_MS = 20_000;

/** All that runs. */
const open = new Set<number>();

const interruption = new AbortController();

/** Ends whatever was started and still runs. */
export function killAll(): void {
  for (const pid of open) for (const each of tree(pid)) signal(each, "SIGKILL");
}

/** Whoever waits for something fails with `reason` from now on, and takes away what was made on the way out. */
export function interrupt(reason: Failure): void {
  interruption.abort(reason);
  killAll();
}

/** @throws {Failure} once {@linkcode interrupt} was called */
export async function start(program: Program, args: string[], options: Options): Promise<Running> {
  interruption.signal.throwIfAborted();
  const folder = await Deno.makeTempDir({ prefix: "userpipe-bench-run-" });
  const [times, pidFile] = [join(folder, "times"), join(folder, "pid")];
  const launched = performance.now();
  const child = new Deno.Command("bash", {
    args: ["-c", TIMED, "bash", times, pidFile, program.command, ...program.before, ...args],
    cwd: options.cwd,
    env: environment(options.env),
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const texts = { stdout: "", output: "" };
  const read = Promise.all([
    collect(child.stdout, (text) => (texts.stdout += text, texts.output += text)),
    collect(child.stderr, (text) => texts.output += text),
  ]);
  const pid = await pidIn(pidFile);
  open.add(pid);
  let peak: number | undefined;
  const sample = () => {
    const now = options.tree ? residentMb(tree(pid)) : peakMb(pid);
    if (now !== undefined) peak = Math.max(peak ?? 0, now);
  };
  const sampler = setInterval(sample, options.tree ? TREE_SAMPLE_MS : SAMPLE_MS);
  let over = false;
  const ended = (async (): Promise<Ended> => {
    const { code } = await child.status;
    const ms = performance.now() - launched;
    clearInterval(sampler);
    over = true;
    open.delete(pid);
    await read;
    const spent = (await Deno.readTextFile(times)).trim().split("\n").at(-1)!.split(" ");
    await Deno.remove(folder, { recursive: true });
    return { code, ms, cpuMs: (Number(spent[0]) + Number(spent[1])) * 1000 };
  })();

  async function end(first: Deno.Signal): Promise<Ended> {
    const all = options.tree ? tree(pid) : [pid];
    signal(pid, first);
    const limit = setTimeout(() => all.forEach((each) => signal(each, "SIGKILL")), STOP_WITHIN_MS);
    const result = await ended;
    clearTimeout(limit);
    all.forEach((each) => each !== pid && signal(each, "SIGKILL"));
    return result;
  }

  return {
    pid,
    launched,
    get stdout() {
      return texts.stdout;
    },
    get output() {
      return texts.output;
    },
    cpuMs: () => cpuMs(tree(pid)),
    peakMb() {
      if (!over) sample();
      return peak;
    },
    async until(holds, limitMs, everyMs = 20) {
      const limit = performance.now() + limitMs;
      while (!await holds()) {
        const late = performance.now() > limit;
        if (over && await holds()) return;
        if (over || late) {
          throw new Failure(`${program.name} ${args.join(" ")} ${over ? "ended" : "was late"}:\n${texts.output}`);
        }
        await pause(everyMs);
      }
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    ended,
  };
}

export interface Measured extends Ended {
  peakMb?: number;
  stdout: string;
}

/** Runs it to its end. @throws {Failure} where it fails */
export async function measure(program: Program, args: string[], options: Options): Promise<Measured> {
  const running = await start(program, args, options);
  const ended = await running.ended;
  if (ended.code !== 0) throw new Failure(`${args.join(" ")} ended with ${ended.code}:\n${running.output}`);
  return { ...ended, peakMb: running.peakMb(), stdout: running.stdout };
}

/** @throws {Failure} once {@linkcode interrupt} was called */
export async function pause(ms: number): Promise<void> {
  interruption.signal.throwIfAborted();
  await new Promise<void>((resolve) => {
    const end = () => (clearTimeout(timer), interruption.signal.removeEventListener("abort", end), resolve());
    const timer = setTimeout(end, ms);
    interruption.signal.addEventListener("abort", end);
  });
  interruption.signal.throwIfAborted();
}

/** The shell writes it before it becomes the program. */
async function pidIn(file: string): Promise<number> {
  for (;;) {
    const text = await Deno.readTextFile(file).catch(() => "");
    if (text.endsWith("\n")) return Number(text);
    await pause(1);
  }
}

async function collect(stream: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) take(decoder.decode(bytes, { stream: true }));
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof Deno.errors.NotFound) && (error as { code?: string }).code !== "ESRCH") throw error;
  }
}
