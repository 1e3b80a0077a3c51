/** The unit of systemd, the workflows, and what compose.yaml mounts: what can be said of them without running them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import config from "../deno.json" with { type: "json" };
import { EXIT } from "../src/errors.ts";
import { SETTINGS } from "../src/settings.ts";
import { ROOT } from "../tools/build/options.ts";
import { fileOf, TARGETS } from "../tools/build/targets.ts";
import { run } from "../tools/services/process.ts";
import { withFolder } from "./support/cli.ts";

const UNIT = join(ROOT, "packaging", "userpipe.service");

const analyze = (await run("systemd-analyze", ["--version"]))?.code === 0;
const NO_SYSTEMD = analyze ? "" : " (skipped: systemd-analyze is not there)";
/** Of systemd's own scale, in tenths: from 0, nothing is exposed, to 100. */
const EXPOSED_AT_MOST = 20;

Deno.test({
  name: `systemd understands the unit, and finds little exposed${NO_SYSTEMD}`,
  ignore: !analyze,
  fn: () =>
    withFolder(async (folder) => {
      const unit = join(folder, "userpipe.service");
      // It looks whether the program is there.
      const program = join(folder, "userpipe");
      await Deno.writeTextFile(program, "#!/bin/sh\n", { mode: 0o755 });
      await Deno.writeTextFile(unit, (await Deno.readTextFile(UNIT)).replace("/usr/local/bin/userpipe", program));
      const verified = await run("systemd-analyze", ["verify", "--man=no", unit]);
      assert.equal(verified?.code, 0, verified?.stderr);
      assert.equal(verified?.stderr.includes("userpipe.service"), false, verified?.stderr);
      const judged = await run("systemd-analyze", [
        "security",
        "--offline=true",
        `--threshold=${EXPOSED_AT_MOST}`,
        unit,
      ]);
      assert.equal(judged?.code, 0, judged?.stdout);
    }),
});

Deno.test("the unit keeps data where it may, stops later than a drain, and starts again only what that can mend", () => {
  const unit = Deno.readTextFileSync(UNIT);
  const of = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(unit)?.[1];
  assert.equal(of("StateDirectory"), "userpipe");
  assert.equal(of("Environment"), "USERPIPE_DATA_DIR=%S/userpipe");
  assert.ok(Number(of("TimeoutStopSec")) * 1000 > SETTINGS.stopTimeout.default);
  assert.equal(of("RestartPreventExitStatus"), `${EXIT.usage} ${EXIT.tooManyRefused}`);
  // V8 compiles while it runs.
  assert.equal(of("MemoryDenyWriteExecute"), undefined);
});

Deno.test("Prometheus finds userpipe, and Grafana both Prometheus and the dashboard, where compose.yaml has them", () => {
  const file = (...path: string[]) => parse(Deno.readTextFileSync(join(ROOT, ...path)));
  const { userpipe, prometheus, grafana } = file("compose.yaml").services;
  const [scraped] = file("packaging", "prometheus.yml").scrape_configs;
  const page = SETTINGS.dashboard.parse(/USERPIPE_DASHBOARD=(\S+)/.exec(dockerfile())![1]!);
  assert.ok(page.ok && page.value !== "off");
  assert.deepEqual(scraped.static_configs, [{ targets: [`userpipe:${page.value.port}`] }]);
  assert.deepEqual(userpipe.ports, [`127.0.0.1:${page.value.port}:${page.value.port}`]);
  assert.ok(prometheus.entrypoint.join(" ").includes(`> ${scraped.authorization.credentials_file} `));
  const [source] = file("packaging", "grafana", "datasources", "prometheus.yaml").datasources;
  assert.equal(source.url, `http://prometheus:${prometheus.ports[0].split(":").at(-1)}`);
  const [{ options }] = file("packaging", "grafana", "dashboards", "userpipe.yaml").providers;
  assert.ok(grafana.volumes.some((volume: string) => volume.startsWith(`./docs/grafana.json:${options.path}/`)));
});

function dockerfile(): string {
  return Deno.readTextFileSync(join(ROOT, "packaging", "Dockerfile"));
}

interface Job {
  uses?: string;
  needs?: string | string[];
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
  strategy?: { matrix: { include: { on: string; file: string }[] } };
  steps?: { uses?: string; run?: string; with?: Record<string, unknown> }[];
}

interface Workflow {
  permissions: Record<string, string>;
  jobs: Record<string, Job>;
}

const WORKFLOWS = join(ROOT, ".github", "workflows");
const read = (name: string) => Deno.readTextFileSync(join(WORKFLOWS, name));
const workflows = new Map([...Deno.readDirSync(WORKFLOWS)].map(({ name }) => [name, parse(read(name)) as Workflow]));
const stepsOf = ({ steps = [] }: Job) => steps;

Deno.test("workflows pin actions by commit, may only read but for the release, and keep no credentials", () => {
  assert.deepEqual([...workflows.keys()].sort(), ["ci.yml", "release.yml"]);
  for (const [name, { permissions, jobs }] of workflows) {
    assert.deepEqual(permissions, { contents: "read" }, name);
    for (const [, action] of read(name).matchAll(/uses: (?!\.\/)(.*)$/gm)) {
      assert.match(action!, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
    }
    for (const [job, { permissions, ...rest }] of Object.entries(jobs)) {
      assert.deepEqual(permissions, job === "release" ? { contents: "write" } : undefined, job);
      if (rest.uses === undefined) assert.ok(rest["timeout-minutes"]! > 0, job);
      for (const step of stepsOf(rest)) {
        if (step.uses?.startsWith("actions/checkout@")) assert.equal(step.with?.["persist-credentials"], false, job);
        // An expression in a script would run what somebody named a branch.
        assert.doesNotMatch(step.run ?? "", /\$\{\{(?! matrix\.)/, job);
      }
    }
  }
});

Deno.test("the workflow of a change runs .ci/run, and that of a release the same, and every target on its own machine", () => {
  const { jobs: ci } = workflows.get("ci.yml")!;
  assert.deepEqual(stepsOf(ci.ci!).map(({ run }) => run).filter(Boolean), ["bash .ci/run"]);
  const { jobs: { ci: called, check, release } } = workflows.get("release.yml")!;
  assert.equal(called!.uses, "./.github/workflows/ci.yml");
  assert.deepEqual(check!.strategy!.matrix.include.map(({ file }) => file), TARGETS.map(fileOf));
  assert.deepEqual(release!.needs, ["ci", "check"]);
});

Deno.test("every place that names a version of Deno names the same, and that of the project is one of semver", async () => {
  assert.match(config.version, /^\d+\.\d+\.\d+$/);
  const places = ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/release.yml"];
  const named = await Promise.all(
    places.map(async (path) =>
      [...(await Deno.readTextFile(join(ROOT, path))).matchAll(/deno@(\d[\d.]+\d)/g)].map(([, version]) => version)
    ),
  );
  for (const versions of named) assert.ok(versions.length > 0);
  assert.deepEqual([...new Set(named.flat())].length, 1);
});
