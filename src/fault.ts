/**
 * Named points at which a process can be made to kill itself, so that tests can show what a crash there leaves:
 * `USERPIPE_FAULT=after-publish:3` dies at the third time that the point is passed. Without it they cost nothing.
 */

import { UserpipeError } from "./errors.ts";

/** Every point, in the order of a record's way. */
export const FAULT_POINTS = [
  /** A page has come from the source; nothing of it is published. */
  "after-fetch",
  /** Messages are in the outbox. */
  "after-outbox-write",
  /** The outbox's entries are published and not deleted yet. */
  "mid-forward",
  /** A page is published. */
  "after-publish",
  /** A member has joined its group, or partitions change hands. */
  "rebalance",
  /** Some rows of a batch are written. */
  "mid-batch",
  /** The store has confirmed a batch, and its position is not committed. */
  "after-store",
  /** Dead letters are published, and the position is not committed. */
  "after-dead-letter",
  /** A dead letter is replayed, and its marker is not published. */
  "mid-replay",
] as const;

export type FaultPoint = (typeof FAULT_POINTS)[number];

interface Armed {
  point: string;
  /** Passes that are left until it dies. */
  left: number;
}

const armed = read(Deno.env.get("USERPIPE_FAULT"));

/** Dies here, by SIGKILL, where the environment says so. */
export function fault(point: FaultPoint): void {
  if (armed === undefined || armed.point !== point || --armed.left > 0) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`fault: ${point}\n`));
  Deno.kill(Deno.pid, "SIGKILL");
}

function read(text: string | undefined): Armed | undefined {
  if (text === undefined || text === "") return undefined;
  const [point, times = "1"] = text.split(":");
  if (!FAULT_POINTS.some((known) => known === point) || !/^[1-9]\d*$/.test(times)) {
    const hint = `Name one of ${FAULT_POINTS.join(", ")}, and :n for its nth time; or leave it out`;
    throw new UserpipeError("settings", `USERPIPE_FAULT is "${text}", which is no point to die at`, hint);
  }
  return { point: point!, left: Number(times) };
}
