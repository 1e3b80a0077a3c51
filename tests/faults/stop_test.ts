/** SIGTERM in the middle of a drain: it ends within its limit, and nothing is written twice, as Cassandra counts too. */
import assert from "node:assert/strict";
import { Client } from "cassandra-driver";
import { namesOf } from "../../src/open.ts";
import { faultTests, onBoth } from "../support/fault_cases.ts";
import { idsOf, type Rig } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const RECORDS = sized(40_000, 500_000);
const STOPS = sized(2, 10);
const LIMIT_MS = 10_000;

/** What the last line of a stream says. */
function written(output: string): number {
  const [, rows] = /wrote ([0-9,]+) rows/.exec(output) ?? [];
  assert.ok(rows !== undefined, output);
  return Number(rows.replaceAll(",", ""));
}

/** Rows that the one node of Cassandra has written to the table since it was made; undefined where the store is another. */
async function writesOf(rig: Rig): Promise<number | undefined> {
  const contactPoints = rig.env.CASSANDRA_CONTACT_POINTS?.split(",");
  if (contactPoints === undefined) return undefined;
  const { keyspace, name } = namesOf(rig.settings()).table;
  const client = new Client({ contactPoints, localDataCenter: "datacenter1" });
  try {
    const statement = "SELECT count FROM system_views.local_write_latency WHERE keyspace_name = ? AND table_name = ?";
    const { rows } = await client.execute(statement, [keyspace, name]);
    return Number(rows[0]!.count);
  } finally {
    await client.shutdown();
  }
}

/** A write that Cassandra did not confirm in time is written again, and may have been applied: that is said (I5). */
const WAITED = /Waiting for/;

faultTests(
  "stop",
  onBoth(`SIGTERM in the middle of a drain, limit ${LIMIT_MS / 1000} s`, async (rig) => {
    await rig.init();
    await rig.ingest("s", RECORDS);
    let sum = 0;
    let slowest = 0;
    let waited = false;
    const before = await writesOf(rig);
    for (let stop = 1; stop <= STOPS; stop++) {
      await using stream = rig.start("stream", "--max-rate", String(RECORDS / 4), "--stop-timeout", `${LIMIT_MS}ms`);
      await rig.rows(sum + 1, stream);
      const started = performance.now();
      stream.signal("SIGTERM");
      assert.equal(await stream.ended, 0, stream.output);
      slowest = Math.max(slowest, performance.now() - started);
      sum += written(stream.output);
      waited ||= WAITED.test(stream.output);
      // Everything that was under way is finished and committed: no row is ahead of the group's position.
      assert.deepEqual([await rig.rowCount(), await rig.committed()], [sum, sum]);
    }
    assert.ok(slowest < LIMIT_MS, `it took ${slowest} ms`);
    const rest = await rig.drain();
    sum += written(rest);
    assert.equal(sum, RECORDS, "records were written twice");
    const after = await writesOf(rig);
    const counted = after === undefined ? RECORDS : after - before!;
    assert.ok(
      counted === RECORDS || (counted > RECORDS && (waited || WAITED.test(rest))),
      `${counted} rows were written`,
    );
    const complete = await rig.complete(idsOf(RECORDS, "s"));
    const by = after === undefined ? "" : `, ${counted.toLocaleString("en")} writes as Cassandra counts`;
    return { times: STOPS, ...complete, seen: `each record written once${by}; ended in ${Math.ceil(slowest)} ms` };
  }),
);
