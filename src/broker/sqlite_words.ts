/** What the embedded broker's `init` and its checks say of topics. */
import type { Change } from "../errors.ts";
import type { TopicSpec } from "./broker.ts";
import type { Topic } from "./sqlite_log.ts";
import { differences, factsText, type TopicFacts } from "./topic_facts.ts";

/** What `init` says of a topic. */
export function change(spec: TopicSpec, state: Change["state"]): Change {
  const { name, partitions, retentionMs, retentionBytes } = spec;
  return {
    what: `topic "${name}"`,
    state,
    statement: `create topic ${name} partitions=${partitions} retention.ms=${retentionMs} ` +
      `retention.bytes=${retentionBytes}`,
    detail: factsText({ name, partitions, retentionMs, retentionBytes }),
  };
}

/** Of one that is there. */
export function there({ name, partitions, retentionMs, retentionBytes }: Topic, spec: TopicSpec): Change {
  const found: TopicFacts = { name, partitions: partitions.length, retentionMs, retentionBytes };
  return {
    ...change({ ...spec, ...found }, "exists"),
    differences: differences(found, spec, () =>
      "The embedded broker keeps a topic as it was made: make another with " +
      "--topic, or begin anew in another --data-dir"),
  };
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}
