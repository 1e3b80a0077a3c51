/** `--workers`: threads that share the partitions of a topic, and keep to the limits of one. */
import assert from "node:assert/strict";
import { faultTests, onBoth } from "./support/fault_cases.ts";
import { idsOf } from "./support/rig.ts";

const RECORDS = 8_000;

faultTests("several workers", [
  ...onBoth("three workers carry a topic to its end", async (rig) => {
    await rig.init(6);
    await rig.ingest("s", RECORDS);
    const { code, stdout, stderr } = await rig.run("stream", "--workers", "3", "--until-caught-up");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /wrote 8,000 rows/);
    return { times: 1, ...await rig.complete(idsOf(RECORDS, "s")) };
  }),
  ...onBoth("three workers drain on the first signal", async (rig) => {
    await rig.init(6);
    await rig.ingest("s", RECORDS);
    await using stream = rig.start("stream", "--workers", "3", "--max-rate", "2000");
    await rig.rows(1, stream);
    stream.signal("SIGTERM");
    assert.equal(await stream.ended, 0, stream.output);
    assert.equal(await rig.committed(), await rig.rowCount());
    await rig.drain();
    return { times: 1, ...await rig.complete(idsOf(RECORDS, "s")) };
  }),
]);
