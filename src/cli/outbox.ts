/** `outbox`: what waits for a broker that is away; `outbox flush` forwards it by hand. */
import { EXIT, UserpipeError } from "../errors.ts";
import type { Outbox } from "../ingest/outbox.ts";
import { withMissing } from "../ingest/outbox_missing.ts";
import { outboxTroubles } from "../ingest/outbox_wording.ts";
import { one } from "../query/query.ts";
import { formatOf, printAnswer } from "./answer.ts";
import type { Context } from "./command.ts";
import { withPublishing } from "./publishing.ts";
import { counted, grouped } from "./terminal.ts";

export async function outbox({ settings, args: [action], terminal, stop }: Context): Promise<number> {
  if (action !== undefined && action !== "flush") {
    throw new UserpipeError("usage", `The outbox knows no "${action}"`, 'Leave it out, or run "userpipe outbox flush"');
  }
  if (settings.brokers === undefined) {
    throw new UserpipeError(
      "usage",
      "There is no outbox without a Kafka",
      "Name the Kafka with --brokers or KAFKA_BROKERS",
    );
  }
  return await withPublishing(settings, async ({ outbox, broker }) => {
    if (action === "flush") return await flush(outbox!, terminal, stop);
    const waiting = await withMissing(await outbox!.waiting(), broker);
    const { messages, bytes, oldest, topics } = waiting;
    const row = [messages, bytes, oldest === null ? null : new Date(oldest).toISOString()];
    const answer = { columns: ["records", "bytes", "oldest"], pages: one(async () => [row]) };
    await printAnswer(answer, formatOf(settings, terminal), terminal);
    for (const { topic, messages, missing } of topics) {
      if (!missing && topics.length > 1) terminal.note(`${counted(messages, "record")} for the topic "${topic}".`);
    }
    for (const { what, hint, missing } of outboxTroubles(waiting)) if (missing) terminal.note(`${what}. ${hint}.`);
    return EXIT.done;
  });
}

async function flush(outbox: Outbox, terminal: Context["terminal"], signal: AbortSignal): Promise<number> {
  const { forwarded, refused, left, busy, error } = await outbox.forward({ now: true, signal });
  terminal.print(`forwarded ${grouped(forwarded)}, refused ${grouped(refused)}, left ${grouped(left)}`);
  if (error !== undefined) throw error;
  if (busy) terminal.note(`Another process forwards the ${counted(left, "record")} that are left.`);
  return refused + left > 0 ? EXIT.found : EXIT.done;
}
