/** compose.yaml starts the same versions as `deno task services`, on loopback and with limits; Compose understands it, and where there is a daemon it works. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import config from "../deno.json" with { type: "json" };
import { composeWorks } from "../tools/services/docker.ts";
import { run } from "../tools/services/process.ts";
import { CASSANDRA_VERSION, KAFKA_VERSION, PROJECT, REGISTRY_VERSION } from "../tools/services/where.ts";
import { succeeds, until, withFolder } from "./support/cli.ts";

interface ComposeService {
  image: string;
  profiles?: string[];
  ports: string[];
  volumes?: string[];
  healthcheck?: { test: string[] };
  environment?: Record<string, string>;
  mem_limit?: string;
  pids_limit?: number;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
}

interface ComposeFile {
  services: Record<string, ComposeService>;
  volumes: Record<string, unknown>;
}

const FILE = join(PROJECT, "compose.yaml");
const { services, volumes }: ComposeFile = parse(Deno.readTextFileSync(FILE));
const PROFILES = ["userpipe", "postgres", "grafana"];
const DOCKERFILE = Deno.readTextFileSync(join(PROJECT, "packaging", "Dockerfile"));

Deno.test("compose.yaml pins versions: those that deno task services starts, and of userpipe its own", () => {
  const { kafka, cassandra, registry, userpipe } = services;
  assert.equal(kafka?.image, `apache/kafka:${KAFKA_VERSION}`);
  assert.equal(cassandra?.image, `cassandra:${CASSANDRA_VERSION}`);
  assert.equal(registry?.image, `apicurio/apicurio-registry-kafkasql:${REGISTRY_VERSION}`);
  assert.equal(userpipe?.image, `userpipe:${config.version}`);
  for (const { image } of Object.values(services)) assert.match(image, /^[a-z/-]+:v?\d+\.\d+/);
  assert.match(DOCKERFILE, /^FROM debian:\d+\.\d+-slim$/m);
});

Deno.test("without a profile there is what the README's next lines need; the others are asked for", () => {
  const of = (profile?: string) =>
    Object.entries(services).filter(([, { profiles }]) => profiles?.[0] === profile).map(([name]) => name);
  assert.deepEqual(of(), ["kafka", "cassandra", "registry"]);
  assert.deepEqual(PROFILES.flatMap(of), ["userpipe", "postgres", "prometheus", "grafana"]);
});

for (const [name, service] of Object.entries(services)) {
  Deno.test(`compose.yaml publishes the ports of ${name} on loopback only`, () => {
    assert.ok(service.ports.length > 0);
    for (const port of service.ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  Deno.test(`compose.yaml gives ${name} a health check and limits, and names volumes and files that are there`, () => {
    if (name === "userpipe") assert.match(DOCKERFILE, /^HEALTHCHECK .* CMD \["userpipe", "healthcheck"\]$/m);
    else assert.equal(service.healthcheck?.test[0], "CMD");
    assert.match(service.mem_limit ?? "", /^\d+[mg]$/);
    assert.ok(service.pids_limit! > 0);
    for (const volume of service.volumes ?? []) {
      const [from, , mode] = volume.split(":");
      assert.ok(from!.startsWith("./") ? existsSync(join(PROJECT, from!)) : from! in volumes, volume);
      if (from!.startsWith("./")) assert.equal(mode, "ro", volume);
    }
  });
}

Deno.test("userpipe, and what looks at it, may do little in their containers", () => {
  for (const name of ["userpipe", "prometheus", "grafana"]) {
    const { read_only, cap_drop, security_opt } = services[name]!;
    assert.deepEqual({ read_only, cap_drop, security_opt }, {
      read_only: true,
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    }, name);
  }
  assert.match(DOCKERFILE, /^USER 65532:65532$/m);
});

Deno.test("userpipe in its container gets no address that the host has exported for itself", () => {
  const { SCHEMA_REGISTRY_URL, USERPIPE_RUNS, KAFKA_BROKERS, CASSANDRA_CONTACT_POINTS } = services.userpipe!
    .environment!;
  for (const address of [KAFKA_BROKERS, CASSANDRA_CONTACT_POINTS]) assert.match(address!, /^[\w:]+$/);
  for (const address of [SCHEMA_REGISTRY_URL, USERPIPE_RUNS]) {
    assert.match(address!, /^\$\{USERPIPE_CONTAINER_\w+:-\}$/);
  }
});

const compose = await findCompose();

Deno.test({
  name: `Docker Compose understands compose.yaml with every profile${compose ? "" : " (skipped: it is not there)"}`,
  ignore: compose === undefined,
  async fn() {
    const [command, ...args] = compose!;
    const asked = [...args, ...PROFILES.flatMap((name) => ["--profile", name]), "-f", FILE, "config", "--services"];
    const answer = await run(command!, asked);
    assert.equal(answer?.code, 0, answer?.stderr);
    assert.deepEqual(answer.stdout.trim().split("\n").sort(), Object.keys(services).sort());
  },
});

/** Compose is Docker's plugin, or a program of its own; neither needs a daemon for this. */
async function findCompose(): Promise<string[] | undefined> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    if ((await run(command[0]!, [...command.slice(1), "version"]))?.code === 0) return command;
  }
}

const inContainers = await composeWorks();
const NO_CONTAINERS = " (skipped: no Docker daemon answers here, or it has no Compose)";

Deno.test({
  name: `docker compose up --wait brings up all of it, and records go through${inContainers ? "" : NO_CONTAINERS}`,
  ignore: !inContainers,
  fn: () =>
    withFolder(async (cwd) => {
      const project = ["compose", "-p", `userpipe-test-${Deno.pid}`, "-f", FILE];
      const all = [...project, ...PROFILES.flatMap((name) => ["--profile", name])];
      const ports = { KAFKA: 19192, CASSANDRA: 19142, REGISTRY: 18181, POSTGRES: 15532 };
      const env = {
        ...Object.fromEntries(
          Object.entries(ports).map(([name, port]) => [`USERPIPE_SERVICES_${name}_PORT`, `${port}`]),
        ),
        USERPIPE_DASHBOARD_PASSWORD: "correct horse",
        USERPIPE_DASHBOARD_TOKEN: "battery staple",
        USERPIPE_CONTAINER_RUNS: "postgres://userpipe@postgres/userpipe",
        USERPIPE_CONTAINER_SCHEMA_REGISTRY_URL: "http://registry:8080/apis/ccompat/v7",
      };
      await build();
      try {
        await docker([...all, "up", "-d", "--wait", "--build"], env);
        const options = {
          cwd,
          env: {
            KAFKA_BROKERS: `127.0.0.1:${ports.KAFKA}`,
            CASSANDRA_CONTACT_POINTS: `127.0.0.1:${ports.CASSANDRA}`,
          },
        };
        await succeeds(["ingest", "--generate", "100"], options);
        const rows = async () =>
          Number((await succeeds(["query", "count", "--format", "csv"], options)).split("\n")[1]);
        await until(async () => await rows() >= 100, 60_000, () => "the container does not carry what is on the topic");
        await until(isScraped, 60_000, () => "Prometheus does not reach userpipe");
        assert.ok((await fetch("http://127.0.0.1:3000/api/dashboards/uid/userpipe")).ok, "Grafana has no dashboard");
      } finally {
        await docker([...all, "down", "-v"], env);
      }
    }),
});

/** What the image is made of. */
async function build(): Promise<void> {
  if (existsSync(join(PROJECT, "userpipe"))) return;
  const built = await run(Deno.execPath(), ["task", "build"], { cwd: PROJECT });
  assert.equal(built?.code, 0, built?.stderr);
}

async function docker(args: string[], env: Record<string, string>): Promise<void> {
  const answer = await run("docker", args, { env });
  assert.equal(answer?.code, 0, answer?.stderr);
}

async function isScraped(): Promise<boolean> {
  const answer = await fetch("http://127.0.0.1:9090/api/v1/query?query=userpipe_build_info");
  return (await answer.json()).data.result.length === 1;
}
