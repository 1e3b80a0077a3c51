/** A topic's facts in words, where what is there differs from what was asked for, and what it may be called. */
import { type Difference, UserpipeError } from "../errors.ts";
import { durationText, isTopicName, TOPIC_NAMES, type TopicSpec } from "./broker.ts";

/** What can be told of a topic. What the broker does not say, or what it has no choice of, is left out. */
export type TopicFacts =
  & Pick<TopicSpec, "name" | "partitions">
  & Partial<Pick<TopicSpec, "replication" | "retentionMs" | "retentionBytes">>;

/** A fact that can be asked for. */
export type Fact = "partitions" | "replication" | "retentionMs" | "retentionBytes";

const FACTS: readonly Fact[] = ["partitions", "replication", "retentionMs", "retentionBytes"];

const WORDS: Record<Fact, (n: number) => string> = {
  partitions: (n) => count(n, "partition"),
  replication: (n) => `replication ${n}`,
  retentionMs: (n) => n < 0 ? "kept for ever" : `kept for ${durationText(n)}`,
  retentionBytes: (n) => n < 0 ? "of any size" : `up to ${sizeText(n)} each`,
};

/** `4 partitions, replication 1, kept for 7 days`. */
export function factsText(facts: TopicFacts): string {
  const known = FACTS.filter((fact) => facts[fact] !== undefined && !(fact === "retentionBytes" && facts[fact] < 0));
  return known.map((fact) => WORDS[fact](facts[fact]!)).join(", ");
}

/**
 * @param mend how a fact of the topic is made what was asked for, or that it cannot
 */
export function differences(
  found: TopicFacts,
  asked: TopicSpec,
  mend: (fact: Fact, asked: number) => string,
): Difference[] {
  return FACTS.filter((fact) => found[fact] !== undefined && found[fact] !== asked[fact]).map((fact) => ({
    of: fact,
    text: `${WORDS[fact](found[fact]!)} (asked for: ${WORDS[fact](asked[fact])})`,
    hint: mend(fact, asked[fact]),
  }));
}

/** @throws {UserpipeError} `settings`: the same for every broker, before it is asked */
export function assertTopicNames(topics: readonly TopicSpec[]): void {
  const bad = topics.find(({ name }) => !isTopicName(name));
  if (bad === undefined) return;
  const hint = `Give it ${TOPIC_NAMES}, with --topic or --dead-letter-topic`;
  throw new UserpipeError("settings", `"${bad.name}" is not a name that a topic may have`, hint);
}

const UNITS = [[1024 ** 3, "GiB"], [1024 ** 2, "MiB"], [1024, "KiB"], [1, "bytes"]] as const;

/** `1 GiB`, `1500 bytes`. */
function sizeText(bytes: number): string {
  const [size, unit] = UNITS.find(([size]) => bytes % size === 0)!;
  return `${bytes / size} ${unit}`;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
