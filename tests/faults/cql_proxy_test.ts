/** I5: a write that was cut off, turned away or said to have timed out is written again, and said once. */
import assert from "node:assert/strict";
import { cqlProxy, type Verdict } from "../support/cql_proxy.ts";
import { type FaultCase, faultTests, REAL } from "../support/fault_cases.ts";
import { idsOf } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const RECORDS = sized(10_000, 100_000);
/** Writes that go wrong, one after the other, in the middle of the drain. */
const WRONG = { from: 100, count: sized(20, 200) };

function wrong(verdict: Verdict, every: number): FaultCase {
  const work: FaultCase["work"] = async (rig) => {
    await rig.init();
    await rig.ingest("s", RECORDS);
    const isWrong = (n: number) => n >= WRONG.from && n < WRONG.from + WRONG.count * every && n % every === 0;
    await using proxy = cqlProxy(rig.env.CASSANDRA_CONTACT_POINTS!, (n) => isWrong(n) ? verdict : "pass");
    const output = await rig.with({ CASSANDRA_CONTACT_POINTS: proxy.address }).drain();
    assert.equal(proxy.verdicts[verdict], WRONG.count);
    assert.ok(proxy.verdicts.pass >= RECORDS / 10 - WRONG.count);
    const [began, over] = [/nothing is lost/g, /is back after/g].map((line) => output.match(line)?.length ?? 0);
    assert.deepEqual([began, over], [1, 1], output);
    return {
      times: WRONG.count,
      seen: "said once, and once when it was over",
      ...await rig.complete(idsOf(RECORDS, "s")),
    };
  };
  return { fault: `writes ${verdict} by a proxy`, ends: REAL, work };
}

faultTests("writes that go wrong", [
  wrong("cut", 20),
  wrong("overloaded", 1),
  wrong("timed out", 1),
], { atOnce: 3 });
