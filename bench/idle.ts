/** Nothing to do: what stream and schedule together take of a core and of memory, in one process that has carried some. */
import { pause } from "./measure.ts";
import { residentMb } from "./proc.ts";
import { mustEnd, type Rig } from "./rig.ts";
import { known, type Table } from "./table.ts";

const RECORDS = 10_000;
/** Whole minutes: the schedule wakes once in each. */
const WATCH_MS = { quick: 5_000, full: 180_000 };
const SETTLE_MS = { quick: 2_000, full: 10_000 };
const WITHIN_MS = 60_000;

/** A time that is far away: a schedule that waits. */
const YEARLY = ["--cron", "0 0 1 JAN *"];

export async function idle(rig: Rig): Promise<Table> {
  const topic = `${rig.name}_idle`;
  const size = rig.sizes.quick ? "quick" : "full";
  await rig.makeTopic(topic);
  const { last } = await rig.fill(topic, RECORDS);
  await rig.target.empty();
  const running = await rig.start(["up", ...YEARLY], rig.env(topic));
  await running.until(() => rig.target.has(last), WITHIN_MS);
  await pause(SETTLE_MS[size]);
  const [from, before] = [performance.now(), running.cpuMs()];
  await pause(WATCH_MS[size]);
  const after = running.cpuMs();
  const watched = performance.now() - from;
  const share = before === undefined || after === undefined ? undefined : (after - before) / watched * 100;
  const resident = residentMb([running.pid]);
  mustEnd(running, await running.stop());
  await rig.mustHave(RECORDS, "up");
  await rig.source.remove(topic);
  return {
    title: "Idle: stream and schedule in one process",
    columns: [{ name: "% of a core", digits: 2 }, { name: "resident, MB", digits: 0 }],
    rows: [{ name: `${Math.round(watched / 1000)} s watched`, cells: [known([share]), known([resident])] }],
  };
}
