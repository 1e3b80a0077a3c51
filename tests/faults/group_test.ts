/** Three streams on one group, one of them killed every few seconds and started again: nothing is missing. */
import assert from "node:assert/strict";
import type { Running } from "../support/cli.ts";
import { faultTests, onBoth } from "../support/fault_cases.ts";
import { pause } from "../support/own_services.ts";
import { idsOf } from "../support/rig.ts";
import { sized } from "../support/size.ts";

const RECORDS = sized(40_000, 500_000);
const KILLS = sized(3, 20);
const EVERY_MS = sized(1_500, 4_000);
/** Together they need about as long as the kills take. */
const RATE = Math.ceil(RECORDS / (3 * KILLS * EVERY_MS / 1000));

faultTests(
  "group",
  onBoth(`three streams on one group, one killed every ${EVERY_MS / 1000} s`, async (rig) => {
    await rig.init(6);
    await rig.ingest("s", RECORDS);
    const begin = () => rig.start("stream", "--max-rate", String(RATE));
    const members: Running[] = [begin(), begin(), begin()];
    try {
      await rig.rows(1, members[0]!);
      for (let kill = 0; kill < KILLS; kill++) {
        await pause(EVERY_MS);
        const which = kill % members.length;
        members[which]!.signal("SIGKILL");
        assert.equal(await members[which]!.ended, 137);
        members[which] = begin();
      }
      await rig.rows(RECORDS, members[0]!);
      for (const member of members) member.signal("SIGTERM");
      for (const member of members) assert.equal(await member.ended, 0, member.output);
    } finally {
      for (const member of members) await member[Symbol.asyncDispose]();
    }
    return { times: KILLS, ...await rig.complete(idsOf(RECORDS, "s")) };
  }),
);
