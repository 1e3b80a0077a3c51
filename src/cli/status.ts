/** `status`: one screen of what stands where, once or live, for people or as one JSON object. */
import { sleep } from "../backoff.ts";
import type { Broker } from "../broker/broker.ts";
import { EXIT } from "../errors.ts";
import type { Waiting } from "../ingest/outbox_logs.ts";
import { withMissing } from "../ingest/outbox_missing.ts";
import { namesOf, openBroker, openRegistry, openRuns, openStore, targetOf } from "../open.ts";
import { type Status, statusOf } from "../query/status.ts";
import { wrongOf } from "../query/status_wrong.ts";
import type { Runs } from "../runs/runs.ts";
import type { Settings } from "../settings.ts";
import type { Context } from "./command.ts";
import { waitingHere } from "./outbox_waiting.ts";
import { shownJson } from "./runs_show.ts";
import { plainStatus, statusLines } from "./status_view.ts";
import type { Terminal } from "./terminal.ts";

/** For each part: an end that is away does not keep the others from being shown. */
const LIMIT_MS = 3_000;
/** With `--watch`. */
const EVERY_MS = 1_000;
/** For closing what did not answer. */
const CLOSE_MS = 500;

export async function status({ settings, terminal, stop }: Context): Promise<number> {
  const ends = await openEnds(settings);
  try {
    const look = statusOf({
      ...namesOf(settings),
      ...ends,
      target: targetOf(settings),
      group: settings.group,
      limitMs: LIMIT_MS,
    });
    const format = settings.statusFormat ?? (terminal.interactive ? "table" : "json");
    let wrong = 0;
    do {
      const seen = await look();
      wrong = wrongOf(seen).length;
      if (format === "json") terminal.print(shownJson(plainStatus(seen, settings), terminal));
      else show(seen, settings, terminal);
      if (settings.watch) await sleep(EVERY_MS, stop);
    } while (settings.watch && !stop.aborted);
    return wrong === 0 ? EXIT.done : EXIT.found;
  } finally {
    await ends.close();
  }
}

/** On a terminal that is watched, in place of what was there: no longer than it, and without a flicker. */
function show(seen: Status, settings: Settings, terminal: Terminal): void {
  const lines = statusLines(seen, settings, terminal);
  if (!settings.watch || !terminal.interactive) return lines.forEach((line) => terminal.print(line));
  const rows = Math.max(2, (Deno.consoleSize().rows || 24) - 1);
  const block = lines.slice(0, rows).map((line) => `${line}\x1b[K`).join("\n");
  // Meanwhile a line that is too long is cut, not wrapped.
  terminal.print(`\x1b[H\x1b[?7l${block}\x1b[?7h\x1b[J`);
}

async function openEnds(settings: Settings) {
  const broker = await openBroker(settings);
  const store = await openStore(settings);
  let runs: Promise<Runs> | undefined;
  return {
    broker,
    store,
    registry: await openRegistry(settings),
    /** One that was away is opened again. */
    async runs() {
      runs ??= openRuns(settings, { make: false });
      runs.catch(() => runs = undefined);
      return await runs;
    },
    outbox: () => waiting(settings, broker),
    async close() {
      const closing = [broker.close(), store.close(), runs?.then((opened) => opened?.close())];
      await Promise.race([Promise.allSettled(closing), sleep(CLOSE_MS)]);
    },
  };
}

async function waiting(settings: Settings, broker: Broker): Promise<Waiting | null> {
  const waiting = await waitingHere(settings);
  return waiting && await withMissing(waiting, broker);
}
