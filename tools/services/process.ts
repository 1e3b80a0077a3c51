/** Processes that outlive the one that starts them: how the services are started, watched and ended. */
import process from "node:process";

/** In the background, deaf to the terminal's hang-up and Ctrl-C; the shell prints its number and goes. */
const IN_BACKGROUND = `log=$1; shift; trap '' HUP INT; "$@" </dev/null >"$log" 2>&1 & echo $!`;
const POLL_MS = 50;

export interface Launch {
  command: string;
  args: string[];
  cwd: string;
  /** The file that standard output and error go to, written anew. */
  log: string;
}

/** Starts a program that goes on by itself and returns its process number. */
export async function launch({ command, args, cwd, log }: Launch): Promise<number> {
  const shell = new Deno.Command("sh", {
    args: ["-c", IN_BACKGROUND, "sh", log, command, ...args],
    cwd,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  });
  const { stdout } = await shell.output();
  return Number(new TextDecoder().decode(stdout));
}

/** A program's exit code and output, or undefined where there is no such program. */
export async function run(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  try {
    const output = await new Deno.Command(command, { args, ...options, stdin: "null" }).output();
    const decoder = new TextDecoder();
    return { code: output.code, stdout: decoder.decode(output.stdout), stderr: decoder.decode(output.stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The command line of a process; empty where there is none, or where it is on its way out. */
export function commandOf(pid: number): string {
  if (Deno.build.os !== "linux") return ps(pid, "command");
  return ofProc(pid, "cmdline").replaceAll("\0", " ");
}

/** Whether a process is there and can hold ports and files; one that is dead and waits for its parent cannot. */
export function isAlive(pid: number): boolean {
  if (Deno.build.os !== "linux") return /^[^Z]/.test(ps(pid, "stat"));
  const stat = ofProc(pid, "stat");
  // The name, in brackets, may hold anything. Behind it: the state, and 17 fields on the number of threads.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // The first thread may be dead while others still close what the process held.
  return stat !== "" && (fields[0] !== "Z" || Number(fields[17]) > 1);
}

function ps(pid: number, field: string): string {
  const listed = new Deno.Command("ps", { args: ["-ww", "-o", `${field}=`, "-p", String(pid)] }).outputSync();
  return new TextDecoder().decode(listed.stdout).trim();
}

function ofProc(pid: number, file: string): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch (error) {
    // A process that ends while it is read answers ESRCH.
    if (error instanceof Deno.errors.NotFound || (error as { code?: string }).code === "ESRCH") return "";
    throw error;
  }
}

/** A process and its children, itself first: a Postgres is several. */
export function familyOf(pid: number): number[] {
  const children = Deno.build.os === "linux" ? ofProc(pid, `task/${pid}/children`) : childrenByPs(pid);
  return [pid, ...children.split(/\s+/).filter((each) => each !== "").map(Number)];
}

function childrenByPs(pid: number): string {
  const listed = new Deno.Command("pgrep", { args: ["-P", String(pid)] }).outputSync();
  return new TextDecoder().decode(listed.stdout);
}

/**
 * Asks a process to end, and kills it and its children where it is still there after `withinMs` (0: at once); returns once
 * it is gone.
 */
export async function stopProcess(pid: number, withinMs: number, ask: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<void> {
  const deadline = Date.now() + withinMs;
  let members = [pid];
  let asked = false;
  while (members.some(isAlive)) {
    if (withinMs > 0 && Date.now() < deadline) {
      if (!asked) signalTo(pid, ask);
      asked = true;
    } else if (members.length === 1) {
      // A process that stands still makes no more children.
      signalTo(pid, "SIGSTOP");
      members = familyOf(pid);
      for (const member of members) signalTo(member, "SIGKILL");
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** A signal to a process that may be gone by now. */
export function signalTo(pid: number, signal: Deno.Signal): void {
  try {
    process.kill(pid, signal);
    // One that was frozen hears it only when it goes on.
    if (signal === "SIGTERM" || signal === "SIGINT") process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}

/** The last lines of a file; empty where there is none. */
export function tail(file: string, lines: number): string {
  try {
    return Deno.readTextFileSync(file).trimEnd().split("\n").slice(-lines).join("\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
