/** The dead letters that wait, as `dead-letters` lists and shows them. */
import { UserpipeError } from "../../errors.ts";
import { lettersAt, listLetters } from "../../query/dead_letters.ts";
import type { Letter as Refusal } from "../../stream/letter.ts";
import { shownPayloadOf } from "../../wire_format.ts";
import { Refused } from "../asked.ts";
import type { ApiDeps } from "../deps.ts";
import type { Letter, Letters, LetterWhole } from "../page/types.ts";
import { headersOf, shortText, WHOLE_CHARS } from "./message_text.ts";
import { perServer, sharedBy } from "./shared.ts";

/** Letters in one answer. */
export const MOST_LISTED = 500;
/** To list them all of their topic is read: no sooner than so many times as long as it took, unless some were replayed. */
const REST = 5;
const PATIENCE_MS = 500;

export interface LettersQuery {
  /** Only those with this text in their reason, in capitals or not. */
  reason?: string;
  limit: number;
}

/** What the page is told beyond its list: the totals of `dead-letters`. */
export interface LettersAnswer extends Letters {
  waiting: number;
  replayed: number;
}

/** Counts by reason, and the newest. @throws {UserpipeError} as the broker's `read` */
export async function letters(deps: ApiDeps, { reason, limit }: LettersQuery): Promise<LettersAnswer> {
  return await listings(deps, JSON.stringify([replays(deps).done, limit, reason]));
}

const replays = perServer(() => ({ done: 0 }));

/** Letters were replayed: what was listed before is told no more. */
export function lettersReplayed(deps: ApiDeps): void {
  replays(deps).done++;
}

const listings = sharedBy(async (deps, asked: string): Promise<LettersAnswer> => {
  const { ends, names: { deadLetterTopic: topic } } = deps;
  const [, limit, reason] = JSON.parse(asked) as [number, number, string | null];
  const found = await listLetters({ broker: await ends.broker(), topic, reason: reason ?? undefined }, limit);
  // The same reason may be given at several stages.
  const counts = new Map<string, number>();
  for (const { reason, count } of found.reasons) counts.set(reason, (counts.get(reason) ?? 0) + count);
  return {
    reasons: [...counts].sort(([, a], [, b]) => b - a),
    letters: found.newest.map(plain),
    waiting: found.waiting,
    replayed: found.replayed,
  };
}, { rest: REST, patienceMs: PATIENCE_MS });

/** `refusedAt` in ms since the epoch; `cutFrom` the whole size in bytes of a value of which only the beginning was kept. */
function plain({ offset, refusedAt, at, stage, reason, topic, key, cut }: Refusal) {
  return {
    offset: String(offset),
    refusedAt,
    reason,
    stage,
    topic: topic ?? null,
    partition: partitionOf(at, topic),
    at,
    key: key ?? null,
    cutFrom: cut === undefined ? null : Number(cut),
  } satisfies Letter;
}

/** Of the record, where it was on the topic: `topic/partition/offset`. */
function partitionOf(at: string, topic: string | undefined): number | null {
  if (topic === undefined || !at.startsWith(`${topic}/`)) return null;
  const [, partition] = /^(\d+)\/\d+$/.exec(at.slice(topic.length + 1)) ?? [];
  return partition === undefined ? null : Number(partition);
}

/** One letter whole. @throws {Refused} where there is none */
export async function letter(deps: ApiDeps, offset: bigint): Promise<LetterWhole> {
  const { letter, message } = await letterAt(deps, offset);
  return {
    ...plain(letter),
    headers: headersOf(message),
    value: message.value && shortText(shownPayloadOf(message.value), WHOLE_CHARS),
  };
}

/** Of the one partition that the topic has, unless somebody else made it. @throws {Refused} where there is none */
export async function letterAt({ ends, names: { deadLetterTopic: topic } }: ApiDeps, offset: bigint) {
  try {
    return (await lettersAt(await ends.broker(), topic, offset))[0]!;
  } catch (error) {
    if (!(error instanceof UserpipeError) || error.code !== "usage") throw error;
    throw new Refused(404, "not-found", error.message, error.hint);
  }
}
