/** Java and the jars: finds a Java that fits by running it, and fetches Kafka's and Cassandra's jars with Maven once. */
import { existsSync } from "node:fs";
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
export async function classPath(folder: string, coordinates: Coordinates[], say: (line: string) => void) {
  if (!existsSync(folder)) await fetchJars(folder, coordinates, say);
  return join(folder, "*");
}

async function fetchJars(folder: string, coordinates: Coordinates[], say: (line: string) => void): Promise<void> {
  say(`fetching ${coordinates[0]} from Maven Central`);
  // Fetched beside it and renamed, so that a folder that is there is whole.
  const partial = `${folder}.${Deno.pid}.partial`;
  Deno.mkdirSync(partial, { recursive: true });
  try {
    Deno.writeTextFileSync(join(partial, "pom.xml"), pom(coordinates));
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"];
    const answer = await run("mvn", ["-q", "-B", ...goal], { cwd: partial });
    if (answer === undefined) {
      throw new ServiceError(
        "Maven is not there to fetch Kafka's and Cassandra's jars with",
        `Install it (Debian: "apt-get install maven"), ${WITHOUT_JAVA}`,
      );
    }
    if (answer.code !== 0) {
      throw new ServiceError(
        `Maven could not fetch ${coordinates.join(", ")}`,
        `Check that Maven Central can be reached. Maven said:\n${tellingLines(answer.stdout)}`,
      );
    }
    if (!existsSync(folder)) Deno.renameSync(join(partial, "jars"), folder);
  } finally {
    Deno.removeSync(partial, { recursive: true });
  }
}

/** What Maven says of a failure, without its advice on how to see more. */
function tellingLines(output: string): string {
  return output.split("\n").filter((line) => line.includes("ERROR")).slice(0, 3).join("\n");
}

function pom(coordinates: Coordinates[]): string {
  const dependencies = coordinates.map((each) => {
    const [group, artifact, version] = each.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project><modelVersion>4.0.0</modelVersion><groupId>userpipe</groupId><artifactId>services</artifactId>` +
    `<version>1</version><dependencies>${dependencies.join("")}</dependencies></project>`;
}
