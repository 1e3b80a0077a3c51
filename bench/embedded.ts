/** The embedded ends: the same way between two SQLite files, and the demo. */
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { serveRandomUsers } from "../tests/support/randomuser_server.ts";
import type { Measured } from "./measure.ts";
import { apiPage } from "./messages.ts";
import { mustEnd, type Rig } from "./rig.ts";
import { known, type Table } from "./table.ts";

/** What the API gives the demo. */
const DEMO_USERS = 1_000;

export async function embedded(rig: Rig): Promise<Table> {
  const { records, repeat } = rig.sizes;
  const ingests: Measured[] = [];
  const streams: Measured[] = [];
  const demos: number[] = [];
  for (let n = 0; n < repeat; n++) {
    const env = { USERPIPE_DATA_DIR: rig.dataFolder() };
    await rig.measure(["init"], env);
    ingests.push(await rig.measure(["ingest", "--generate", String(records)], env));
    streams.push(await rig.measure(["stream", "--until-caught-up"], env));
    const { stdout } = await rig.measure(["query", "count", "--format", "ndjson"], env);
    const { count } = JSON.parse(stdout);
    if (count !== records) throw new Failure(`embedded: ${records} records went in and ${count} rows came out`);
    await Deno.remove(env.USERPIPE_DATA_DIR, { recursive: true });
    demos.push(await demo(rig));
  }
  const row = (name: string, runs: Measured[]) => ({
    name,
    cells: [
      runs.map(({ ms }) => ms / 1000),
      runs.map(({ ms }) => records / ms * 1000),
      runs.map(({ cpuMs }) => cpuMs / 1000),
      known(runs.map(({ peakMb }) => peakMb)),
    ],
  });
  return {
    title: `Embedded ends: ${records.toLocaleString("en-US")} records, launch to end`,
    columns: [
      { name: "s", digits: 2 },
      { name: "records/s", digits: 0 },
      { name: "CPU, s", digits: 2 },
      { name: "peak, MB", digits: 0 },
    ],
    rows: [
      row("ingest", ingests),
      row("stream", streams),
      { name: "demo, from the API's answer to its end", cells: [demos.map((ms) => ms / 1000)] },
    ],
  };
}

async function demo(rig: Rig): Promise<number> {
  const body = apiPage(DEMO_USERS);
  await using server = serveRandomUsers([]);
  let answered = 0;
  server.always(() => {
    answered = performance.now();
    return new Response(body, { headers: { "content-type": "application/json" } });
  });
  const running = await rig.start(["demo", "--url", server.url, "--count", String(DEMO_USERS)], {});
  const ended = await running.ended;
  mustEnd(running, ended);
  await Deno.remove(join(rig.folder, "userpipe-demo"), { recursive: true });
  return running.launched + ended.ms - answered;
}
