/** The same two services in containers, by Docker Compose and the project's compose.yaml, where a daemon answers. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { run } from "./process.ts";
import { dropRecord, type Service, ServiceError, type ServiceName, writeRecord } from "./service.ts";
import { DEFAULT_DIR, PROJECT } from "./where.ts";

const FILE = join(PROJECT, "compose.yaml");

/** Whether Compose is there and a daemon answers: Docker may be installed without one. */
export async function composeWorks(): Promise<boolean> {
  const answers = await Promise.all([run("docker", ["info"]), run("docker", ["compose", "version"])]);
  return answers.every((answer) => answer?.code === 0);
}

/** The name of a set's containers and volumes; the default set is that of `docker compose up` by hand. */
export function projectOf(setDir: string): string {
  if (setDir === DEFAULT_DIR) return plain(basename(PROJECT));
  return `${plain(basename(setDir))}-${createHash("sha256").update(setDir).digest("hex").slice(0, 8)}`;
}

/** A folder's name as Compose makes a project's name of it. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^-_a-z0-9]/g, "").replace(/^[-_]+/, "");
}

function compose(setDir: string, args: string[], env: Record<string, string> = {}) {
  return run("docker", ["compose", "-f", FILE, "-p", projectOf(setDir), ...args], { env });
}

async function composeOrThrow(setDir: string, args: string[]): Promise<void> {
  const answer = await compose(setDir, args);
  if (answer?.code === 0) return;
  throw new ServiceError(`"docker compose ${args.join(" ")}" failed`, `It said:\n${answer?.stderr.trim()}`);
}

/**
 * Starts one service of a set and returns once its health check passes.
 * @throws {ServiceError} with its last log lines where it does not.
 */
export async function startContainer(setDir: string, name: ServiceName, port: number): Promise<Service> {
  const service: Service = {
    name,
    engine: "docker",
    dir: join(setDir, name),
    address: "127.0.0.1",
    port,
    pid: 0,
    log: `docker compose -p ${projectOf(setDir)} logs ${name}`,
  };
  writeRecord(service);
  const env = { [`USERPIPE_SERVICES_${name.toUpperCase()}_PORT`]: String(port) };
  const started = await compose(setDir, ["up", "-d", "--wait", name], env);
  if (started?.code !== 0) {
    const log = await compose(setDir, ["logs", "--tail", "25", name]);
    await stopContainers(setDir, [name], false);
    throw new ServiceError(
      `${name} did not start in its container`,
      `Docker Compose said:\n${started?.stderr.trim()}\nIts last lines:\n${log?.stdout.trim()}`,
    );
  }
  return service;
}

/** Whether its container runs; it does not where no daemon answers. */
export async function isContainerRunning(setDir: string, name: ServiceName): Promise<boolean> {
  const answer = await compose(setDir, ["ps", "-q", "--status", "running", name]);
  return answer?.code === 0 && answer.stdout.trim() !== "";
}

/** Ends services of a set; with `wipe` their data go too. */
export async function stopContainers(setDir: string, names: readonly ServiceName[], wipe: boolean): Promise<void> {
  await composeOrThrow(setDir, ["rm", "--stop", "--force", ...names]);
  if (wipe) {
    const project = projectOf(setDir);
    await run("docker", ["volume", "rm", ...names.map((name) => `${project}_${name}`)]);
    // It stays, as it should, while a service of the set still uses it.
    await run("docker", ["network", "rm", `${project}_default`]);
  }
  for (const name of names) dropRecord(join(setDir, name));
}
