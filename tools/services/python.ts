/** A Python with Confluent's client, which tests try userpipe against: made in a folder of its own, once. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";
import { ServiceError } from "./service.ts";
import { CONFLUENT_KAFKA_VERSION, DEFAULT_DIR } from "./where.ts";

const FOLDER = join(DEFAULT_DIR, `confluent-kafka-${CONFLUENT_KAFKA_VERSION}`);
const PACKAGE = `confluent-kafka[json,schemaregistry]==${CONFLUENT_KAFKA_VERSION}`;

/**
 * The Python to run.
 * @throws {ServiceError} where there is none, or its packages cannot be fetched from PyPI.
 */
export async function pythonWithConfluent(say: (line: string) => void): Promise<string> {
  const python = join(FOLDER, "bin", "python");
  // What was begun and not ended is begun again: such a folder cannot be renamed once it is whole.
  const whole = join(FOLDER, "whole");
  if (existsSync(whole)) return python;
  rmSync(FOLDER, { recursive: true, force: true });
  say(`fetching ${PACKAGE} from PyPI`);
  await must("python3", ["-m", "venv", FOLDER], 'Install it (Debian: "apt-get install python3-venv")');
  await must(python, ["-m", "pip", "install", "--quiet", PACKAGE], "Check that PyPI can be reached");
  writeFileSync(whole, "");
  return python;
}

async function must(command: string, args: string[], hint: string): Promise<void> {
  const answer = await run(command, args);
  if (answer?.code === 0) return;
  const said = answer === undefined ? "it is not there" : (answer.stderr || answer.stdout).trim();
  throw new ServiceError(`"${command} ${args.join(" ")}" failed`, `${hint}. It said:\n${said}`);
}
