/** What waits in the data folder's outbox. */
import { OutboxLogs, type Waiting } from "../ingest/outbox_logs.ts";
import { openSpool } from "../open.ts";
import type { Settings } from "../settings.ts";
import { during } from "./ends.ts";

/** Null where the broker is embedded and there is no outbox. Looking makes no file. */
export async function waitingHere(settings: Settings): Promise<Waiting | null> {
  const spool = await openSpool(settings);
  return spool === undefined ? null : await during(spool, (spool) => new OutboxLogs(spool).waiting());
}
