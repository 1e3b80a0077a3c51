/** compose.yaml starts the same versions as `deno task services`, on loopback, and Compose understands it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { run } from "../tools/services/process.ts";
import { CASSANDRA_VERSION, KAFKA_VERSION, PROJECT } from "../tools/services/where.ts";

interface ComposeService {
  image: string;
  ports: string[];
  volumes: string[];
  healthcheck?: { test: string[] };
  mem_limit?: string;
}

interface ComposeFile {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

const FILE = join(PROJECT, "compose.yaml");
const { services, volumes }: ComposeFile = parse(Deno.readTextFileSync(FILE));

Deno.test("compose.yaml pins the versions that deno task services starts", () => {
  assert.deepEqual(
    Object.entries(services).map(([name, { image }]) => [name, image]),
    [["kafka", `apache/kafka:${KAFKA_VERSION}`], ["cassandra", `cassandra:${CASSANDRA_VERSION}`]],
  );
});

for (const [name, service] of Object.entries(services)) {
  Deno.test(`compose.yaml publishes the ports of ${name} on loopback only`, () => {
    assert.ok(service.ports.length > 0);
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  Deno.test(`compose.yaml gives ${name} a health check, a limit of memory and a named volume`, () => {
    assert.equal(service.healthcheck?.test[0], "CMD");
    assert.match(service.mem_limit ?? "", /^\d+[mg]$/);
    assert.ok(service.volumes.some((volume) => volume.split(":")[0] in volumes));
  });
}

const compose = await findCompose();

Deno.test({
  name: `Docker Compose understands compose.yaml${compose ? "" : " (skipped: Docker Compose is not there)"}`,
  ignore: compose === undefined,
  async fn() {
    const [command, ...args] = compose!;
    const answer = await run(command, [...args, "-f", FILE, "config", "-q"]);
    assert.equal(answer?.code, 0, answer?.stderr);
  },
});

/** Compose is Docker's plugin, or a program of its own; neither needs a daemon for this. */
async function findCompose(): Promise<string[] | undefined> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    if ((await run(command[0], [...command.slice(1), "version"]))?.code === 0) return command;
  }
}
