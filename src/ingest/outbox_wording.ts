/** What is wrong with an outbox that is not empty, and what to do: for `status`, `doctor`, `outbox` and the log. */
import type { Waiting, WaitingTopic } from "./outbox_logs.ts";

export interface OutboxTrouble {
  what: string;
  hint: string;
  /** Whether its topic is missing: no forwarding helps before that is made. */
  missing: boolean;
}

/** Nothing where nothing waits. */
export function outboxTroubles({ messages, topics }: Waiting): OutboxTrouble[] {
  const missing = topics.filter(({ missing }) => missing);
  const others = missing.reduce((left, { messages }) => left - messages, messages);
  const away = {
    what: `${waitText(others)} in the outbox, because Kafka was away`,
    hint: "A running ingest forwards them by itself; by hand: userpipe outbox flush",
    missing: false,
  };
  return [...(others > 0 ? [away] : []), ...missing.map(missingTopic)];
}

function missingTopic({ topic, messages }: WaitingTopic): OutboxTrouble {
  const what = `${waitText(messages)} in the outbox for the topic "${topic}", which is not there`;
  return { what, hint: missingTopicHint(topic), missing: true };
}

/** `init` makes a topic with its dead-letter topic. */
export function missingTopicHint(topic: string): string {
  const main = topic.replace(/\.dlq$/, "");
  return `Make it with userpipe init --topic ${main}, and then run userpipe outbox flush`;
}

/** For `verify`: of one topic. Undefined where nothing of it waits. */
export function notComparedText(topic: string, waiting: Waiting | null): string | undefined {
  const messages = waiting?.topics.find((each) => each.topic === topic)?.messages ?? 0;
  if (messages === 0) return undefined;
  const [records, verb, were] = messages === 1
    ? ["1 record", "waits", "was"]
    : [`${messages.toLocaleString("en")} records`, "wait", "were"];
  return `${records} of this topic ${verb} in the outbox and ${were} not compared: userpipe outbox flush.`;
}

function waitText(messages: number): string {
  return messages === 1 ? "1 record waits" : `${messages.toLocaleString("en")} records wait`;
}
