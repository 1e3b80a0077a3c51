/** Starts a Postgres from the programs that are installed here (Debian: `postgresql`), for development and tests. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { postgresAnswers } from "./ports.ts";
import { isAlive, run } from "./process.ts";
import { markOf, type ProcessOptions, type Service, ServiceError, startProcess } from "./service.ts";

export interface PostgresOptions extends ProcessOptions {
  /** Settings of postgresql.conf over those of a server for tests. */
  settings?: Record<string, string>;
  /** Of its one user; the user's name where it is left out. */
  password?: string;
}

const ADDRESS = "127.0.0.1";
/** The one user that there is, and its password unless another is wanted. */
const USER = "userpipe";
/** Where Debian has the programs, one folder a version. */
const DEBIAN = "/usr/lib/postgresql";
/** What Debian's package makes; Postgres refuses to run as root. */
const UNPRIVILEGED = "postgres";

/** Of a server for tests nothing outlives the machine's fall; what a killed process left is found again. */
const SETTINGS = {
  listen_addresses: ADDRESS,
  unix_socket_directories: "",
  fsync: "off",
  shared_buffers: "32MB",
  max_connections: "100",
};

/** How a client names the server and its user: `postgres://…`. */
export function postgresUrl({ address, port }: Pick<Service, "address" | "port">, password = USER): string {
  return `postgres://${USER}:${encodeURIComponent(password)}@${address}:${port}/postgres`;
}

/** Why no Postgres can be started here; undefined where one can. */
export async function withoutPostgres(): Promise<string | undefined> {
  return await programs() === undefined ? "Postgres is not installed here" : undefined;
}

/**
 * Starts a Postgres and returns once it takes clients; a folder that has data goes on with them.
 * @throws {ServiceError} where it cannot be started.
 */
export async function startPostgres(options: PostgresOptions): Promise<Service> {
  const dir = resolve(options.dir);
  const folder = await programs();
  if (folder === undefined) {
    throw new ServiceError(await withoutPostgres() ?? "", 'Install it (Debian: "apt-get install postgresql")');
  }
  mkdirSync(dir, { recursive: true });
  const data = join(dir, "data");
  if (!existsSync(join(data, "PG_VERSION"))) await prepare(folder, dir, data, options.password);
  dropStaleLock(join(data, "postmaster.pid"));
  const settings = { ...SETTINGS, port: String(options.port), ...options.settings };
  const [command, ...args] = [
    ...unprivileged(),
    join(folder, "postgres"),
    "-D",
    data,
    // A setting of no module is kept, and looked at by nobody: it is the mark.
    "-c",
    markOf(dir),
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  return await startProcess({
    ...options,
    name: "postgres",
    engine: "program",
    dir,
    address: ADDRESS,
    command: command!,
    args,
    answers: postgresAnswers,
  });
}

/** The folder of `initdb` and `postgres`, the newest version there is; undefined where they are not installed. */
async function programs(): Promise<string | undefined> {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(DEBIAN, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
  if (found !== undefined) return found;
  const answer = await run("pg_config", ["--bindir"]);
  const bin = answer?.stdout.trim();
  return bin !== undefined && existsSync(join(bin, "initdb")) ? bin : undefined;
}

/** Postgres takes a killed one that waits for its parent for one that runs; where there is no init, that is for ever. */
function dropStaleLock(path: string): void {
  if (existsSync(path) && !isAlive(Number(readFileSync(path, "utf8").split("\n")[0]))) rmSync(path);
}

/** What a command begins with to run as another user, where this one is root. */
function unprivileged(): string[] {
  if (Deno.uid() !== 0) return [];
  return ["setpriv", `--reuid=${UNPRIVILEGED}`, `--regid=${UNPRIVILEGED}`, "--init-groups", "--"];
}

async function prepare(folder: string, dir: string, data: string, secret = USER): Promise<void> {
  const password = join(dir, "password");
  writeFileSync(password, secret, { mode: 0o644 });
  mkdirSync(data, { recursive: true });
  if (Deno.uid() === 0) await run("chown", [`${UNPRIVILEGED}:${UNPRIVILEGED}`, data]);
  const options = ["-D", data, "-U", USER, `--pwfile=${password}`, "--auth=scram-sha-256", "--encoding=UTF8"];
  const [command, ...args] = [...unprivileged(), join(folder, "initdb"), ...options, "--locale=C", "--no-sync"];
  const answer = await run(command!, args, { cwd: "/" });
  if (answer?.code === 0) return;
  const who = Deno.uid() === 0 ? ` as the user "${UNPRIVILEGED}", who must be able to reach it` : "";
  throw new ServiceError(
    `Postgres could not prepare its data folder "${data}"${who}`,
    `Its initdb said:\n${answer?.stderr.trim()}`,
  );
}
