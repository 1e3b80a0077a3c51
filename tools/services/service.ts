/**
 * What a started service is, and how one without a container is started, found again and ended: a process with a log,
 * known by a record in its folder and a mark on its command line, so that only what was started here is ever ended.
 */
import { join } from "node:path";
import { commandOf, isAlive, launch, stopProcess, tail } from "./process.ts";
import { isFree } from "./ports.ts";

export type ServiceName = "kafka" | "cassandra" | "postgres" | "registry";

/** A service that was started. A record in its folder holds it, so that another process finds it. */
export interface Service {
  name: ServiceName;
  engine: "java" | "program" | "docker";
  /** Its own folder: configuration, data, log. */
  dir: string;
  address: string;
  /** The port for clients. */
  port: number;
  /** The process; 0 for one in a container. */
  pid: number;
  /** The file that its output goes to, or how to read its log. */
  log: string;
}

/** Why a service cannot be started or ended, and what to do about it. */
export class ServiceError extends Error {
  override readonly name = "ServiceError";
  readonly hint: string;

  constructor(message: string, hint: string, options?: { cause?: unknown }) {
    super(message, options);
    this.hint = hint;
  }
}

/** What every service that is a process may be given. */
export interface ProcessOptions {
  /** The service's own folder; its data outlive a stop. */
  dir: string;
  /** The port for clients. */
  port: number;
  /** How long it may take to answer, in ms. */
  readyWithinMs?: number;
  /** Whether it serves at this address; left out: whether it answers in plain, without a login. */
  answers?: (address: string, port: number) => Promise<boolean>;
}

export interface JavaOptions extends ProcessOptions {
  /** More arguments for the JVM; a later one wins over the service's own. */
  jvm?: string[];
}

interface ProcessService extends ProcessOptions {
  name: ServiceName;
  engine: "java" | "program";
  address: string;
  command: string;
  /** Everything behind the command; {@linkcode markOf} its folder is among them. */
  args: string[];
  /** Whether the service at this address answers as it should. */
  answers: (address: string, port: number) => Promise<boolean>;
}

const READY_WITHIN_MS = 300_000;
const STOP_WITHIN_MS = 30_000;
const POLL_MS = 100;

/** The mark on the command line of the process that serves `dir`. */
export function markOf(dir: string): string {
  return `userpipe.service=${dir}`;
}

function recordOf(dir: string): string {
  return join(dir, "service.json");
}

/** `host:port` as clients want it. */
export function endpointOf(service: Service): string {
  return `${service.address}:${service.port}`;
}

export function writeRecord(service: Service): void {
  Deno.mkdirSync(service.dir, { recursive: true });
  Deno.writeTextFileSync(recordOf(service.dir), JSON.stringify(service, null, 2));
}

export function dropRecord(dir: string): void {
  try {
    Deno.removeSync(recordOf(dir));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The service that was started in `dir`, or undefined where none was or its process is gone. */
export function startedIn(dir: string): Service | undefined {
  let service: Service;
  try {
    service = JSON.parse(Deno.readTextFileSync(recordOf(dir)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  return service.engine === "docker" || isOurs(service) ? service : undefined;
}

/** A process number may have gone to another process since: the mark says whose it is. */
function isOurs(service: Service): boolean {
  return commandOf(service.pid).includes(markOf(service.dir));
}

/** @throws {ServiceError} where another program listens at a service's port */
export async function assertPortFree(
  { name, address, port, answers }: Pick<ProcessService, "name" | "address" | "port" | "answers">,
): Promise<void> {
  if (isFree(address, port)) return;
  throw new ServiceError(
    `Cannot start ${name}: port ${port} of ${address} is taken by another program`,
    await answers(address, port)
      ? `It answers as ${name} does: use that, or choose another port with --${name}-port`
      : `End that program, or choose another port with --${name}-port`,
  );
}

/**
 * Starts a service as a process and returns once it answers.
 * @throws {ServiceError} where its port is taken, or it ends or stays silent: with the last lines of its log.
 */
export async function startProcess(options: ProcessService): Promise<Service> {
  const { name, engine, dir, address, port, command, args } = options;
  await assertPortFree(options);
  const log = join(dir, "log.txt");
  const pid = await launch({ command, args, cwd: dir, log });
  const service: Service = { name, engine, dir, address, port, pid, log };
  writeRecord(service);
  await untilAnswers(service, options);
  return service;
}

async function untilAnswers(service: Service, { answers, readyWithinMs = READY_WITHIN_MS }: ProcessService) {
  const deadline = Date.now() + readyWithinMs;
  while (!await answers(service.address, service.port)) {
    // Its command line is empty for a moment, while it becomes the program that it starts.
    const ended = !isAlive(service.pid);
    if (!ended && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      continue;
    }
    await stopService(service);
    throw new ServiceError(
      `${service.name} ${ended ? "ended while it started" : `did not answer within ${readyWithinMs / 1000} s`}`,
      `The last lines of ${service.log}:\n${tail(service.log, 25)}`,
    );
  }
}

/** Ends a service that is a process: asks it to, and kills it where it is there after `withinMs` (0: at once). Its data stay. */
export async function stopService(service: Service, withinMs = STOP_WITHIN_MS): Promise<void> {
  // A Postgres that hears SIGTERM waits for its clients to go.
  if (isOurs(service)) await stopProcess(service.pid, withinMs, service.name === "postgres" ? "SIGINT" : "SIGTERM");
  dropRecord(service.dir);
}
