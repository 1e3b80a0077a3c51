/** The page beside a drain: what ten clients that read every event take of its speed, and whether the page stays live. */
import { freePort } from "../tools/services/ports.ts";
import { ours } from "./drain.ts";
import { Failure } from "./failure.ts";
import { pause } from "./measure.ts";
import { hasFlag } from "./program.ts";
import type { Rig } from "./rig.ts";
import { known, type Row, type Table } from "./table.ts";

const CLIENTS = 10;
const HOST = "127.0.0.1";
const LOOK_EVERY_MS = 20;

/** Clients that read every event from when the page is there until they are stopped. */
class Clients {
  readonly #stop = new AbortController();
  readonly #all: Promise<void>[];
  #events = 0;
  #since = 0;

  constructor(url: string) {
    this.#all = Array.from({ length: CLIENTS }, () => this.#read(`${url}/api/events?messages=1`));
  }

  /** @returns events a second of one client, from its first to the end */
  async stop(): Promise<number> {
    const seconds = (performance.now() - this.#since) / 1000;
    this.#stop.abort();
    await Promise.all(this.#all);
    if (this.#since === 0) throw new Failure("No client got an event of the page");
    return this.#events / CLIENTS / seconds;
  }

  async #read(url: string): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const { body } = await fetch(url, { signal });
        for await (const text of body!.pipeThrough(new TextDecoderStream())) {
          this.#since ||= performance.now();
          this.#events += text.split("event: way").length - 1;
        }
      } catch {
        // It is not there yet, or not any more.
      }
      await pause(LOOK_EVERY_MS);
    }
  }
}

export async function page(rig: Rig): Promise<Table> {
  const { records, repeat } = rig.sizes;
  const names = ["no page", `${CLIENTS} clients of the page`];
  const table: Table = {
    title: `The page beside a drain of ${records.toLocaleString("en-US")} records`,
    columns: [
      { name: "s", digits: 2 },
      { name: "of the drain without it", digits: 2 },
      { name: "CPU, s", digits: 2 },
      { name: "peak, MB", digits: 0 },
      { name: "events/s of a client", digits: 1 },
    ],
    rows: names.map((name): Row => ({ name, cells: [[], [], [], [], []] })),
  };
  if (!await hasFlag(rig.program, "stream", "--dashboard")) {
    return { ...table, rows: [], notes: ["Left out: this program has no page."] };
  }
  const filled = await rig.filled();
  for (let n = 0; n < repeat; n++) {
    let alone = 0;
    for (const [i, row] of table.rows.entries()) {
      await rig.target.empty();
      const address = `${HOST}:${freePort(HOST, 18_642)}`;
      const flags = i === 0 ? [] : ["--dashboard", address];
      const clients = i === 0 ? undefined : new Clients(`http://${address}`);
      const { lastRowMs, cpuMs, peakMb } = await ours(rig, flags, filled, rig.env(filled.topic));
      if (i === 0) alone = lastRowMs;
      const values = [
        lastRowMs / 1000,
        i === 0 ? undefined : alone / lastRowMs,
        cpuMs === undefined ? undefined : cpuMs / 1000,
        peakMb,
        await clients?.stop(),
      ];
      row.cells = row.cells.map((cell, at) => [...cell, ...known([values[at]])]);
    }
  }
  await rig.target.empty();
  return table;
}
