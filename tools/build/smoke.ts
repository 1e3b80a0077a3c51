/** Runs what was built: it is an executable only if it does every job. */
import { join } from "node:path";
import { generate } from "../../src/users/generate.ts";
import { VERSION } from "./options.ts";
import { BuildError, failure, type Outcome, run, start, type Started } from "./program.ts";
import { beforeUp, besideUp, type Case, KEPT } from "./smoke_cases.ts";

const WITHIN_MS = 60_000;
/** Windows ends a program without asking it. */
const SIGNALS = Deno.build.os !== "windows";

/**
 * Its folder and its data folder have spaces in their paths, the current folder may not be written, there is no home, and
 * no setting of the build's own environment reaches a real Kafka or Cassandra.
 * @param folder an empty folder, for all that is made on the way
 * @throws {BuildError} what it did not do
 */
export async function smoke(built: string, folder: string): Promise<void> {
  const [bin, current, data, temporary, demo] = await Promise.all(
    ["a program", "current", "a data folder", "temporary", "demo"].map(async (name) => {
      await Deno.mkdir(join(folder, name));
      return join(folder, name);
    }),
  ) as [string, string, string, string, string];
  const program = join(bin, Deno.build.os === "windows" ? "userpipe.exe" : "userpipe");
  await Deno.copyFile(built, program);
  // One that was downloaded may have lost it.
  if (SIGNALS) await Deno.chmod(program, 0o755);
  const env = { ...system(), USERPIPE_DATA_DIR: data, TMPDIR: temporary, TEMP: temporary };
  const options = { env, clearEnv: true, withinMs: WITHIN_MS };
  await using api = serveApi();
  await version(program, { ...options, cwd: current });
  if (SIGNALS) await Deno.chmod(current, 0o500);
  const does = async (each: Case) =>
    // The demo's data folder is where it runs.
    await must(
      program,
      each,
      await run(program, each.args, { ...options, cwd: each.args[0] === "demo" ? demo : current }),
    );
  for (const each of beforeUp(api.url)) await does(each);
  await kept("up", async (page) => {
    for (const each of besideUp(page)) await does(each);
  });
  await kept("dashboard", async () => {});
  const left = [...Deno.readDirSync(current)].map(({ name }) => name);
  if (left.length > 0) throw new BuildError(`"${program}" wrote into its current folder: ${left.join(", ")}`);

  async function kept(command: keyof typeof KEPT, beside: (page: string) => Promise<void>): Promise<void> {
    const args = KEPT[command](api.url);
    await using running = start(program, args, { ...options, cwd: current });
    const [, url] = await running.printed(/The page is at (http:\/\/\S+?)\.\s/);
    await look(url!, running);
    await beside(url!.replace("http://", ""));
    if (!SIGNALS) return;
    const outcome = await running.end("SIGTERM");
    if (outcome.code !== 0) throw failure(program, args, outcome);
  }
}

/** What a program cannot do without, whatever it is. */
function system(): Record<string, string> {
  const names = ["PATH", "SystemRoot"];
  return Object.fromEntries(names.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

/** The wrong runtime takes no heed of the program and ends well. */
async function version(program: string, options: Parameters<typeof run>[2]): Promise<void> {
  const { stdout } = await run(program, ["--version"], options);
  if (stdout !== `${VERSION}\n`) {
    throw new BuildError(`"${program} --version" prints ${JSON.stringify(stdout)} and not ${VERSION}`);
  }
}

function must(program: string, { args, codes = [0], prints }: Case, outcome: Outcome): void {
  if (!codes.includes(outcome.code)) throw failure(program, args, outcome);
  if (prints !== undefined && !prints.test(outcome.stdout)) {
    throw new BuildError(`"${program} ${args.join(" ")}" does not print ${prints}:\n${outcome.stdout}`);
  }
}

/** What people, and what starts and measures the process, ask the page for. */
async function look(url: string, running: Started): Promise<void> {
  for (const path of ["/", "/healthz", "/metrics"]) {
    const answer = await fetch(`${url}${path}`);
    await answer.body?.cancel();
    if (!answer.ok) throw new BuildError(`${url}${path} answers ${answer.status}:\n${running.output}`);
  }
}

/** A server with the API's shape, of generated users. */
function serveApi(): AsyncDisposable & { url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { searchParams: query } = new URL(request.url);
    const [seed, page, results] = [query.get("seed")!, Number(query.get("page") ?? 1), Number(query.get("results"))];
    const users = [...generate(seed, page * results)].slice(-results);
    return Response.json({ results: users, info: { seed, results, page, version: "1.4" } });
  });
  return { url: `http://127.0.0.1:${server.addr.port}/api/1.4/`, [Symbol.asyncDispose]: () => server.shutdown() };
}
