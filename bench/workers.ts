/** A store that is further away, and more threads: the drain through a proxy that delays each answer. */
import { ours } from "./drain.ts";
import { type Running, start } from "./measure.ts";
import { hasFlag, script } from "./program.ts";
import type { Rig } from "./rig.ts";
import { known, type Row, type Table } from "./table.ts";

/** Without a delay too: what the proxy itself costs is not the delay's. */
const DELAYS_MS = [0, 5];
const THREADS = 2;
const WITHIN_MS = 30_000;

interface Case {
  name: string;
  flags: string[];
  contactPoints: string;
}

export async function workers(rig: Rig): Promise<Table> {
  const { records, repeat } = rig.sizes;
  const table: Table = {
    title: `A store further away: ${records.toLocaleString("en-US")} records through a proxy, launch to last row`,
    columns: [
      { name: "s", digits: 2 },
      { name: "records/s", digits: 0 },
      { name: "CPU, s", digits: 2 },
      { name: "peak, MB", digits: 0 },
    ],
    rows: [],
    notes: [],
  };
  const point = rig.where.contactPoints.split(",")[0]!;
  if (!/^(127\.0\.0\.1|localhost)(:|$)/.test(point)) {
    // The driver goes to the address that the node itself tells.
    table.notes = [`Left out: Cassandra is at ${point}, and a proxy can stand only before one on 127.0.0.1.`];
    return table;
  }
  const filled = await rig.filled();
  const proxies = await Promise.all(DELAYS_MS.map((ms) => proxy(rig, point, ms)));
  try {
    const cases = await casesOf(rig, proxies.map(({ stdout }) => `127.0.0.1:${stdout.trim()}`));
    table.rows = cases.map(({ name }): Row => ({ name, cells: [[], [], [], []] }));
    for (let n = 0; n < repeat; n++) {
      for (const [i, { flags, contactPoints }] of cases.entries()) {
        await rig.target.empty();
        const env = rig.env(filled.topic, { CASSANDRA_CONTACT_POINTS: contactPoints });
        const { lastRowMs, cpuMs, peakMb } = await ours(rig, flags, filled, env);
        const values = [
          lastRowMs / 1000,
          records / lastRowMs * 1000,
          cpuMs === undefined ? undefined : cpuMs / 1000,
          peakMb,
        ];
        table.rows[i]!.cells = table.rows[i]!.cells.map((cell, at) => [...cell, ...known([values[at]])]);
      }
    }
  } finally {
    await Promise.all(proxies.map((each) => each.kill()));
  }
  await rig.target.empty();
  return table;
}

async function casesOf(rig: Rig, addresses: string[]): Promise<Case[]> {
  const counts = await hasFlag(rig.program, "stream", "--workers") ? [1, THREADS] : [1];
  return counts.flatMap((count) => {
    const flags = count === 1 ? [] : ["--workers", String(count)];
    const name = `${count} worker${count === 1 ? "" : "s"}`;
    return [
      { name: `${name}, no proxy`, flags, contactPoints: rig.where.contactPoints },
      ...addresses.map((contactPoints, i) => ({
        name: `${name}, ${DELAYS_MS[i]} ms more an answer`,
        flags,
        contactPoints,
      })),
    ];
  });
}

async function proxy(rig: Rig, to: string, ms: number): Promise<Running> {
  const point = to.includes(":") ? to : `${to}:9042`;
  const running = await start(script("delay_proxy.ts"), ["--to", point, "--ms", String(ms)], {
    cwd: rig.folder,
    env: {},
  });
  await running.until(() => running.stdout.includes("\n"), WITHIN_MS);
  return running;
}
