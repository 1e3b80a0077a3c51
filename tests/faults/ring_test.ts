/** Three Cassandra nodes, replication 3 and LOCAL_QUORUM: one is killed in the middle of a drain, which does not stop. */
import assert from "node:assert/strict";
import { withFolder } from "../support/cli.ts";
import { cassandraEnds } from "../support/ends.ts";
import { reported } from "../support/fault_report.ts";
import { cannotStart, ownCassandra, pause } from "../support/own_services.ts";
import { idsOf, Rig } from "../support/rig.ts";
import { LONG, sized } from "../support/size.ts";
import { freePort } from "../../tools/services/ports.ts";

const RECORDS = sized(20_000, 200_000);
const ADDRESSES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
/** How long a drain of a ring with a dead node may be without a new row. */
const LONGEST_GAP_MS = 15_000;

const missing = LONG ? await cannotStart() : "three nodes take two minutes to start: only in the long run";
const ignore = missing !== undefined && !(LONG && Deno.env.get("CI") === "true");

/** A port that is free on every address: the nodes of a ring share it. */
function commonPort(from: number): number {
  for (let port = from;; port++) {
    if (ADDRESSES.every((address) => freePort(address, port) === port)) return port;
  }
}

Deno.test({
  name: `a ring of three loses a node${ignore ? ` (skipped: ${missing})` : ""}`,
  ignore,
  fn: () =>
    withFolder(async (folder) => {
      const port = commonPort(22_042);
      const storagePort = commonPort(port + 1_000);
      const seeds = [`${ADDRESSES[0]}:${storagePort}`];
      const jvm = ["-Dcassandra.ring_delay_ms=2000", "-Xms256m"];
      const node = (address: string) => ownCassandra(folder, { address, port, storagePort, seeds, jvm });
      await using first = await node(ADDRESSES[0]!);
      await using _second = await node(ADDRESSES[1]!);
      await using third = await node(ADDRESSES[2]!);
      const about = { suite: "ring", fault: "one of three nodes killed in the middle", ends: "Cassandra" };
      await withFolder((cwd) =>
        reported(about, async () => {
          const rig = new Rig(cwd, { ...cassandraEnds(first.endpoint), CASSANDRA_REPLICATION_FACTOR: "3" });
          await rig.init();
          await rig.ingest("s", RECORDS);
          await using stream = rig.start("stream", "--max-rate", String(RECORDS / 20));
          await rig.rows(RECORDS / 10, stream);
          await third.kill();
          const gap = await longestGap(rig);
          assert.ok(gap < LONGEST_GAP_MS, `no new row for ${gap} ms:\n${stream.output}`);
          stream.signal("SIGTERM");
          assert.equal(await stream.ended, 0, stream.output);
          const seen = `the longest time without a new row was ${(gap / 1000).toFixed(1)} s`;
          return { times: 1, seen, ...await rig.complete(idsOf(RECORDS, "s")) };
        })
      );
    }),
});

/** Waits for all rows. @returns the longest time without a new one, in ms */
async function longestGap(rig: Rig): Promise<number> {
  let [longest, last, since] = [0, -1, Date.now()];
  while (last < RECORDS) {
    const rows = await rig.committed();
    longest = Math.max(longest, Date.now() - since);
    if (rows > last) [last, since] = [rows, Date.now()];
    if (longest > 4 * LONGEST_GAP_MS) return longest;
    await pause(100);
  }
  return longest;
}
