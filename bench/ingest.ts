/** Into Kafka: generated records, and one page of the API from loopback. */
import { Failure } from "./failure.ts";
import { serveRandomUsers } from "../tests/support/randomuser_server.ts";
import { apiPage } from "./messages.ts";
import { mustEnd, type Rig } from "./rig.ts";
import { known, type Table } from "./table.ts";
import type { Measured } from "./measure.ts";

const PAGE = 5_000;
const WITHIN_MS = 60_000;

export async function ingest(rig: Rig): Promise<Table> {
  const topic = `${rig.name}_ingest`;
  const { records, repeat } = rig.sizes;
  const runs: Measured[] = [];
  const pages: number[] = [];
  for (let n = 0; n < repeat; n++) {
    await rig.makeTopic(topic);
    runs.push(await rig.measure(["ingest", "--generate", String(records)], rig.env(topic)));
    pages.push(await page(rig, topic));
    const size = await rig.source.size(topic);
    if (size !== records + PAGE) {
      throw new Failure(`${records + PAGE} records were published and the topic has ${size}`);
    }
    await rig.source.remove(topic);
  }
  return {
    title: `Ingest: ${records.toLocaleString("en-US")} generated records, and a page of the API, into Kafka`,
    columns: [
      { name: "s", digits: 2 },
      { name: "records/s", digits: 0 },
      { name: "CPU, s", digits: 2 },
      { name: "peak, MB", digits: 0 },
    ],
    rows: [
      {
        name: "generated, launch to end",
        cells: [
          runs.map(({ ms }) => ms / 1000),
          runs.map(({ ms }) => records / ms * 1000),
          runs.map(({ cpuMs }) => cpuMs / 1000),
          known(runs.map(({ peakMb }) => peakMb)),
        ],
      },
      {
        name: `a page of ${PAGE.toLocaleString("en-US")}, asked for to published`,
        cells: [pages.map((ms) => ms / 1000), pages.map((ms) => PAGE / ms * 1000)],
      },
    ],
  };
}

/** From the request for the page until the run is told as over. The answer is ready, so that it costs no time. */
async function page(rig: Rig, topic: string): Promise<number> {
  const body = apiPage(PAGE);
  await using server = serveRandomUsers([]);
  let asked = 0;
  server.always(() => {
    asked = performance.now();
    return new Response(body, { headers: { "content-type": "application/json" } });
  });
  const running = await rig.start(["ingest", "--url", server.url, "--count", String(PAGE)], rig.env(topic));
  await running.until(() => running.stdout.includes("\n"), WITHIN_MS, 1);
  const ms = performance.now() - asked;
  mustEnd(running, await running.ended);
  return ms;
}
