/** Runs what was built: it is an executable only if it does the job. */
import { join } from "node:path";
import { VERSION } from "./options.ts";
import { BuildError, failure, type Outcome, run } from "./program.ts";

const ROWS = 1_000;
const WITHIN_MS = 60_000;

/** Nothing listens there. */
const NOWHERE = "127.0.0.1:1";
const UNREACHABLE = 3;

/**
 * @param folder an empty folder, which is also home and cache: nothing of this is kept, and no setting of the
 * build's own environment reaches a real Kafka or Cassandra
 * @throws {BuildError} what it did not do
 */
export async function smoke(program: string, folder: string): Promise<void> {
  const env = { PATH: Deno.env.get("PATH") ?? "", HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const attempt = (args: string[]) => run(program, args, { cwd: folder, env, clearEnv: true, withinMs: WITHIN_MS });
  const must = async (...args: string[]) => {
    const outcome = await attempt(args);
    if (outcome.code !== 0) throw failure(program, args, outcome);
    return outcome.stdout;
  };
  const version = await must("--version");
  // The wrong runtime takes no heed of the program and ends well.
  if (version !== `${VERSION}\n`) {
    throw new BuildError(`"${program} --version" prints ${JSON.stringify(version)} and not ${VERSION}`);
  }
  await must("init");
  await must("ingest", "--generate", String(ROWS));
  await must("stream", "--until-caught-up");
  const answer = await must("query", "count", "--format", "csv");
  if (answer.trim().split("\n").at(-1) !== String(ROWS)) {
    throw new BuildError(`Of ${ROWS} rows "query count" finds:\n${answer}`);
  }
  // That they cannot reach anything shows that the drivers are there and load.
  for (const args of [["init", "--brokers", NOWHERE], ["query", "count", "--contact-points", NOWHERE]]) {
    const outcome: Outcome = await attempt(args);
    if (outcome.code !== UNREACHABLE) throw failure(program, args, outcome);
  }
}
