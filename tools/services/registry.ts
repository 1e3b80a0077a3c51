/** Starts a schema registry from Maven Central: Apicurio, which speaks Confluent's API too and keeps all in memory. */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { java, unpacked } from "./java.ts";
import { registryAnswers } from "./ports.ts";
import { type JavaOptions, markOf, type Service, startProcess } from "./service.ts";
import { JARS, REGISTRY_VERSION } from "./where.ts";

export interface RegistryOptions extends JavaOptions {
  say?: (line: string) => void;
}

const ADDRESS = "127.0.0.1";

/** The root of Confluent's API there. */
export function registryUrl({ address, port }: Pick<Service, "address" | "port">): string {
  return `http://${address}:${port}/apis/ccompat/v7`;
}

/**
 * Starts a registry and returns once it answers; it has nothing on record then.
 * @throws {ServiceError} where it cannot be started.
 */
export async function startRegistry(options: RegistryOptions): Promise<Service> {
  const { port, say = () => {} } = options;
  const dir = resolve(options.dir);
  const program = await java();
  const folder = await fetchRegistry(say);
  mkdirSync(dir, { recursive: true });
  return await startProcess({
    ...options,
    name: "registry",
    engine: "java",
    dir,
    address: ADDRESS,
    command: program,
    args: [
      `-D${markOf(dir)}`,
      "-Xmx256m",
      `-Dquarkus.http.host=${ADDRESS}`,
      `-Dquarkus.http.port=${port}`,
      ...options.jvm ?? [],
      "-cp",
      `${join(folder, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`)}:${join(folder, "lib", "*")}`,
      "io.quarkus.runner.GeneratedMain",
    ],
    answers: registryAnswers,
  });
}

/** The folder of its program, fetched (142 MB) where it is not there yet. @throws {ServiceError} where it cannot be */
export async function fetchRegistry(say: (line: string) => void): Promise<string> {
  const folder = join(JARS, `registry-${REGISTRY_VERSION}`);
  if (!existsSync(folder)) {
    await unpacked(folder, `io.apicurio:apicurio-registry-app:${REGISTRY_VERSION}:tar.gz:all`, say);
  }
  return folder;
}
