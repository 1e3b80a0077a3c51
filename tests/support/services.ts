/**
 * The real Kafka and Cassandra that tests run against: those that the environment names, else those that
 * `deno task services up` has up, else ones that are started here and end with this process.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { isAlive, launch, tail } from "../../tools/services/process.ts";
import { endpointOf, type Service } from "../../tools/services/service.ts";
import { alone, answers, holderFile, running } from "../../tools/services/set.ts";
import { DEFAULT_DIR, PROJECT, TEST_DIR } from "../../tools/services/where.ts";

/** Where the services answer, `host:port` each. */
export interface Services {
  brokers: string;
  contactPoints: string;
}

const BROKERS = "USERPIPE_TEST_BROKERS";
const CONTACT_POINTS = "USERPIPE_TEST_CONTACT_POINTS";
const MISSING = "USERPIPE_TEST_MISSING";

const POLL_MS = 100;

/** In CI nothing is skipped. */
const IN_CI = Deno.env.get("CI") === "true";

const found = await services();

/** The services for tests, or why there are none. Looked for, and started, once in a process. */
export async function services(): Promise<Services | { missing: string }> {
  return named() ?? await alone(join(TEST_DIR, "search"), say, async () => {
    const answer = named() ?? await upByHand() ?? await startedForTests();
    // Each test file has modules of its own: the environment is what the files of one run share.
    if ("missing" in answer) {
      Deno.env.set(MISSING, answer.missing);
    } else {
      Deno.env.set(BROKERS, answer.brokers);
      Deno.env.set(CONTACT_POINTS, answer.contactPoints);
    }
    return answer;
  });
}

/** @throws {Error} where there are none, with the reason. */
export function requireServices(): Services {
  if ("missing" in found) throw new Error(`No Kafka and Cassandra to test with: ${found.missing}`);
  return found;
}

/**
 * Registers a test that needs the services. Where they are missing it is ignored, with the reason in its name; in CI
 * (`CI=true`) it fails.
 */
export function serviceTest(
  name: string,
  test: (services: Services, context: Deno.TestContext) => void | Promise<void>,
  options: Omit<Deno.TestDefinition, "name" | "fn"> = {},
): void {
  const skipped = "missing" in found && !IN_CI;
  Deno.test({
    ...options,
    name: skipped ? `${name} (skipped: ${found.missing})` : name,
    ignore: skipped || options.ignore,
    fn: (context) => test(requireServices(), context),
  });
}

/** A name that no other test or run uses, fit for a topic, a group, a keyspace and a table: `prefix_` and 12 characters. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
}

function say(line: string): void {
  console.log(line);
}

function named(): Services | { missing: string } | undefined {
  const [brokers, contactPoints, missing] = [BROKERS, CONTACT_POINTS, MISSING].map((name) => Deno.env.get(name));
  if (brokers && contactPoints) return { brokers, contactPoints };
  return missing ? { missing } : undefined;
}

async function upByHand(): Promise<Services | undefined> {
  const up = await running(DEFAULT_DIR);
  const answering = await Promise.all(up.map(answers));
  return both(up.filter((_, index) => answering[index]));
}

function both(up: Service[]): Services | undefined {
  const [kafka, cassandra] = (["kafka", "cassandra"] as const).map((name) => up.find((each) => each.name === name));
  return kafka && cassandra && { brokers: endpointOf(kafka), contactPoints: endpointOf(cassandra) };
}

/** A process of its own keeps them up for as long as this one lives, so that nothing is left even where this is killed. */
async function startedForTests(): Promise<Services | { missing: string }> {
  say("Starting a Kafka and a Cassandra for the tests");
  const log = join(TEST_DIR, "search", "up.txt");
  const ports = ["--kafka-port", "0", "--cassandra-port", "0"];
  const tool = join(PROJECT, "tools", "services.ts");
  const keeper = await launch({
    command: Deno.execPath(),
    args: ["run", "-A", tool, "up", "--dir", TEST_DIR, ...ports, "--while-pid", String(Deno.pid), "--wipe"],
    cwd: PROJECT,
    log,
  });
  while (isAlive(keeper) && !existsSync(holderFile(TEST_DIR, Deno.pid))) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return both(await running(TEST_DIR)) ?? { missing: reasonIn(log) };
}

function reasonIn(log: string): string {
  const lines = tail(log, 100).split("\n");
  return lines.find((line) => line.startsWith("error: "))?.slice("error: ".length) ?? lines.at(-1) ??
    "it ended at once";
}
