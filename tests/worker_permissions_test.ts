/** Least privilege: the stream's thread may do what it needs and is refused the rest, and its process may neither run programs nor load libraries. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { resolveSettings } from "../src/settings.ts";
import { workerPermissions } from "../src/worker_permissions.ts";
import { COMPILED_FLAGS, RUN_FLAGS } from "../tools/build/options.ts";
import { succeeds, userpipe, withFolder } from "./support/cli.ts";
import { secretFile, secretOf } from "./support/secrets.ts";

/** What a thread says that tries all that `permission_probe.ts` knows. */
async function probe(permissions: Deno.PermissionOptionsObject, paths: Record<string, string>) {
  const url = new URL("./support/permission_probe.ts", import.meta.url);
  const worker = new Worker(url, { type: "module", deno: { permissions } });
  try {
    return await new Promise<Record<string, string>>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(paths);
    });
  } finally {
    worker.terminate();
  }
}

Deno.test("the thread reads and writes the data folder, and is refused whatever else it asks for", () =>
  withFolder(async (cwd) => {
    const [inside, outside, linked] = ["data", "other", "linked"].map((name) => join(cwd, name));
    await Deno.mkdir(inside!);
    await Deno.mkdir(outside!);
    await Deno.symlink(inside!, linked!);
    for (const path of [outside!, cwd]) await Deno.writeTextFile(join(path, "secret"), "x");
    const file = join(outside!, "secret");
    for (const dataDir of [inside!, linked!]) {
      const settings = resolveSettings(["dataDir"], { dataDir }, () => undefined);
      const outcomes = await probe(workerPermissions(settings), { inside: dataDir, outside: outside!, file });
      const done = Object.keys(outcomes).filter((name) => outcomes[name] === "done");
      assert.deepEqual(done, ["write in the data folder", "read in the data folder"]);
      assert.equal(outcomes.connect, "ConnectionRefused", "the network is open to it");
      const refused = Object.entries(outcomes).filter(([, outcome]) => outcome === "NotCapable");
      assert.equal(refused.length, Object.keys(outcomes).length - done.length - 1, JSON.stringify(outcomes));
    }
  }));

Deno.test("the executable asks for no permission to run programs or load libraries", () => {
  for (const flags of [COMPILED_FLAGS, RUN_FLAGS]) {
    assert.ok(flags.includes("--no-prompt"));
    assert.deepEqual(flags.filter((flag) => /^(-A|--allow-(all|run|ffi))/.test(flag)), []);
  }
});

Deno.test("a data folder behind a link, and one that init has yet to make, is the thread's as well", () =>
  withFolder(async (cwd) => {
    await Deno.mkdir(join(cwd, "real"));
    await Deno.symlink(join(cwd, "real"), join(cwd, "link"));
    for (const dataDir of ["link", "link/new/folder", "./a folder"]) {
      const data = ["--data-dir", dataDir];
      for (const args of [["init"], ["ingest", "--generate", "20"]]) await succeeds([...args, ...data], { cwd });
      const printed = await succeeds(["stream", "--until-caught-up", ...data], { cwd });
      assert.match(printed, /^wrote 20 rows/, dataDir);
    }
  }));

Deno.test("the thread reads what its connections are named: files, and secrets of the environment", () =>
  withFolder(async (cwd) => {
    const [kafka, cassandra] = [secretOf("the password of Kafka"), secretOf("the password of Cassandra")];
    const file = await secretFile(cwd, "password", kafka);
    const named = {
      ...{ KAFKA_BROKERS: "127.0.0.1:1", KAFKA_SASL_MECHANISM: "PLAIN", KAFKA_SASL_USERNAME: "me" },
      ...{ CASSANDRA_CONTACT_POINTS: "127.0.0.1:1", CASSANDRA_USERNAME: "me", CASSANDRA_PASSWORD: cassandra },
    };
    for (
      const env of [
        { ...named, KAFKA_SASL_PASSWORD: kafka },
        { ...named, KAFKA_SASL_PASSWORD_FILE: file },
        { ...named, KAFKA_SASL_PASSWORD_FILE: "password" },
        { ...named, KAFKA_BROKERS: "" },
      ]
    ) {
      if (env.KAFKA_BROKERS === "") await succeeds(["init"], { cwd, env: { USERPIPE_DATA_DIR: "userpipe-data" } });
      const { code, stderr } = await userpipe(["stream", "--until-caught-up"], { cwd, env });
      assert.equal(code, 3, stderr);
      assert.match(stderr, /Cannot reach (Kafka|Cassandra)/);
    }
  }));
