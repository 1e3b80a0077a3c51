/** Java and the jars: finds a Java that fits by running it, and fetches what it runs with Maven once. */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";
import { ServiceError } from "./service.ts";

/** Cassandra needs what Java 24 has taken away (`-Djava.security.manager=allow`). */
const MAJOR = { least: 17, below: 24 };
const WITHOUT_JAVA =
  'or start a Docker daemon with Compose, and run this again ("docker info" says whether one answers)';

/** Maven coordinates, `group:artifact:version`. */
export type Coordinates = `${string}:${string}:${string}`;

let found: Promise<string> | undefined;

/**
 * The Java to use: that of `JAVA_HOME`, else the one on the path.
 * @throws {ServiceError} where neither is there or fits.
 */
export function java(): Promise<string> {
  return found ??= findJava();
}

async function findJava(): Promise<string> {
  const home = Deno.env.get("JAVA_HOME");
  const seen: string[] = [];
  for (const command of [...(home ? [join(home, "bin", "java")] : []), "java"]) {
    const answer = await run(command, ["-version"]);
    const major = Number(/version "(?:1\.)?(\d+)/.exec(answer?.stderr ?? "")?.[1]);
    if (major >= MAJOR.least && major < MAJOR.below) return command;
    if (answer !== undefined) {
      seen.push(`"${command}" is ${Number.isNaN(major) ? "no Java that runs" : `Java ${major}`}`);
    }
  }
  throw new ServiceError(
    `Java 17 is not there to start Kafka and Cassandra with: ${seen.join(", ") || "no java was found"}`,
    `Install it (Debian: "apt-get install openjdk-17-jre-headless"), ${WITHOUT_JAVA}`,
  );
}

/**
 * The class path of these jars and all that they need, fetched into `folder` where they are not there yet.
 * @throws {ServiceError} where Maven is missing or cannot fetch them.
 */
export async function classPath(folder: string, coordinates: readonly Coordinates[], say: (line: string) => void) {
  if (!existsSync(folder)) await fetchJars(folder, coordinates, say);
  return join(folder, "*");
}

async function fetchJars(
  folder: string,
  coordinates: readonly Coordinates[],
  say: (line: string) => void,
): Promise<void> {
  await fetched(folder, coordinates[0]!, say, async (partial) => {
    Deno.writeTextFileSync(join(partial, "pom.xml"), pom(coordinates));
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"];
    await maven(goal, partial, coordinates.join(", "));
    return "jars";
  });
}

/**
 * Fetches an archive and unpacks it into `folder`.
 * @param archive `group:artifact:version:type:classifier`
 * @throws {ServiceError} where Maven is missing or cannot fetch it.
 */
export async function unpacked(folder: string, archive: string, say: (line: string) => void): Promise<void> {
  await fetched(folder, archive, say, async (partial) => {
    await maven(["dependency:copy", `-Dartifact=${archive}`, "-DoutputDirectory=archive"], partial, archive);
    mkdirSync(join(partial, "unpacked"));
    const [name] = readdirSync(join(partial, "archive"));
    const answer = await run("tar", ["xzf", join(partial, "archive", name!), "-C", join(partial, "unpacked")]);
    if (answer?.code === 0) return "unpacked";
    throw new ServiceError(`Cannot unpack ${archive}`, `tar said:\n${answer?.stderr ?? "it is not there"}`);
  });
}

/** Into a folder beside it, a part of which is renamed, so that a folder that is there is whole. */
async function fetched(
  folder: string,
  what: string,
  say: (line: string) => void,
  fetch: (partial: string) => Promise<string>,
): Promise<void> {
  say(`fetching ${what} from Maven Central`);
  const partial = `${folder}.${Deno.pid}.partial`;
  Deno.mkdirSync(partial, { recursive: true });
  try {
    const part = await fetch(partial);
    if (!existsSync(folder)) Deno.renameSync(join(partial, part), folder);
  } finally {
    Deno.removeSync(partial, { recursive: true });
  }
}

async function maven(goal: string[], cwd: string, what: string): Promise<void> {
  const answer = await run("mvn", ["-q", "-B", ...goal], { cwd });
  if (answer === undefined) {
    throw new ServiceError(
      `Maven is not there to fetch ${what} with`,
      `Install it (Debian: "apt-get install maven"), ${WITHOUT_JAVA}`,
    );
  }
  if (answer.code === 0) return;
  throw new ServiceError(
    `Maven could not fetch ${what}`,
    `Check that Maven Central can be reached. Maven said:\n${tellingLines(answer.stdout)}`,
  );
}

/** What Maven says of a failure, without its advice on how to see more. */
function tellingLines(output: string): string {
  return output.split("\n").filter((line) => line.includes("ERROR")).slice(0, 3).join("\n");
}

function pom(coordinates: readonly Coordinates[]): string {
  const dependencies = coordinates.map((each) => {
    const [group, artifact, version] = each.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion><groupId>userpipe</groupId><artifactId>services</artifactId>` +
    `<version>1</version><dependencies>${dependencies.join("")}</dependencies></project>`;
}
