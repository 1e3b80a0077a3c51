/** SIGTERM in the middle of a drain: it ends within its limit, and nothing is written twice. */
import assert from "node:assert/strict";
import { faultTests, onBoth } from "../support/fault_cases.ts";
import { idsOf } from "../support/rig.ts";
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

faultTests(
  "stop",
  onBoth(`SIGTERM in the middle of a drain, limit ${LIMIT_MS / 1000} s`, async (rig) => {
    await rig.init();
    await rig.ingest("s", RECORDS);
    let sum = 0;
    let slowest = 0;
    for (let stop = 1; stop <= STOPS; stop++) {
      await using stream = rig.start("stream", "--max-rate", String(RECORDS / 4), "--stop-timeout", `${LIMIT_MS}ms`);
      await rig.rows(sum + 1, stream);
      const started = performance.now();
      stream.signal("SIGTERM");
      assert.equal(await stream.ended, 0, stream.output);
      slowest = Math.max(slowest, performance.now() - started);
      sum += written(stream.output);
      // Everything that was under way is finished and committed: no row is ahead of the group's position.
      assert.deepEqual([await rig.rowCount(), await rig.committed()], [sum, sum]);
    }
    assert.ok(slowest < LIMIT_MS, `it took ${slowest} ms`);
    sum += written(await rig.drain());
    assert.equal(sum, RECORDS, "records were written twice");
    const complete = await rig.complete(idsOf(RECORDS, "s"));
    return { times: STOPS, ...complete, seen: `each record written once; ended in ${Math.ceil(slowest)} ms` };
  }),
);
