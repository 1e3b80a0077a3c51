/** What `doctor` says of the copies of partitions: a Kafka of two brokers, one of which dies. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { openKafka } from "../src/broker/kafka.ts";
import { diagnoseKafka } from "../src/broker/kafka_check.ts";
import type { Finding } from "../src/errors.ts";
import { startKafka } from "../tools/services/kafka.ts";
import { until, withFolder } from "./support/cli.ts";
import { admin } from "./support/kafka_admin.ts";
import { ownPorts } from "./support/own_ports.ts";
import { cannotStart, KILLED, ownKafka, OwnService } from "./support/own_services.ts";

const missing = await cannotStart();
const ignore = missing !== undefined && Deno.env.get("CI") !== "true";
const WANTED = { topic: "copied", deadLetterTopic: "copied.dlq", group: "g", replication: 2 };
const SPEC = { partitions: 2, replication: 2, retentionMs: -1, retentionBytes: -1 };

/** A second broker under the controller of the first. */
async function joined(folder: string): Promise<OwnService> {
  const fieldOf = async (file: string, name: string) => {
    const line = (await Deno.readTextFile(join(folder, "kafka", file))).split("\n").find((each) =>
      each.startsWith(name)
    );
    return line!.slice(name.length + 1);
  };
  const dir = join(folder, "second");
  await Deno.mkdir(join(dir, "data"), { recursive: true });
  const clusterId = await fieldOf(join("data", "meta.properties"), "cluster.id");
  await Deno.writeTextFile(join(dir, "data", "meta.properties"), `version=1\nnode.id=2\ncluster.id=${clusterId}\n`);
  const ports = ownPorts(21_292);
  const { port } = ports;
  const properties = {
    ...KILLED,
    "process.roles": "broker",
    "node.id": "2",
    "controller.quorum.voters": await fieldOf("server.properties", "controller.quorum.voters"),
    "listeners": `PLAINTEXT://127.0.0.1:${port}`,
  };
  return await new OwnService(ports, () => startKafka({ dir, port, properties })).start();
}

Deno.test({
  name: `doctor says that copies are missing, and that too few are left${ignore ? ` (skipped: ${missing})` : ""}`,
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      await using first = await ownKafka(folder, KILLED);
      await using second = await joined(folder);
      const brokers = [first.endpoint];
      const ofTopic = async (): Promise<Finding | undefined> => {
        const findings = await Array.fromAsync(diagnoseKafka({ brokers, clientId: "doctor" }, WANTED));
        return findings.find(({ what }) => what === 'topic "copied"');
      };
      const becomes = (state: Finding["state"], detail: RegExp) =>
        until(
          async () => {
            const found = await ofTopic();
            return found?.state === state && detail.test(found.detail);
          },
          60_000,
          () => `it never was ${state}: ${detail}`,
        );

      const broker = openKafka({ brokers, clientId: "copies" });
      await broker.init([{ ...SPEC, name: "copied" }, { ...SPEC, name: "copied.dlq" }], { dryRun: false });
      await broker.close();
      assert.deepEqual(await ofTopic(), {
        what: 'topic "copied"',
        state: "ok",
        detail: "2 partitions, replication 2",
      });
      await second.kill();
      await becomes("warn", /has 2 partitions, replication 2, of which 2 lack copies: Kafka has 1 broker up$/);
      const configEntries = [{ name: "min.insync.replicas", value: "2" }];
      await admin(first.endpoint, (kafka) =>
        kafka.alterConfigs({ validateOnly: false, resources: [{ type: 2, name: "copied", configEntries }] }));
      await becomes("fail", /takes no records: 1 copy of a partition in step, and its min\.insync\.replicas is 2$/);
      await second.start();
      await becomes("ok", /^2 partitions, replication 2$/);
    }),
});
