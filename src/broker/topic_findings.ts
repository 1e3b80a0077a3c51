/** What `diagnose` says of the topic and the dead-letter topic, in the same words for every broker. */
import type { Finding } from "../errors.ts";
import { DEAD_LETTER_ROOM, type Wanted } from "./broker.ts";

/** One of the two topics that there must be. */
export interface WantedTopic {
  name: string;
  /** `topic "users_created"`, `dead-letter topic "users_created.dlq"`. */
  what: string;
  flag: "--topic" | "--dead-letter-topic";
}

export function wantedTopics({ topic, deadLetterTopic }: Wanted): [topic: WantedTopic, deadLetterTopic: WantedTopic] {
  return [
    { name: topic, what: `topic "${topic}"`, flag: "--topic" },
    { name: deadLetterTopic, what: `dead-letter topic "${deadLetterTopic}"`, flag: "--dead-letter-topic" },
  ];
}

export function missing({ what, flag }: WantedTopic): Finding {
  const hint = `Make it with "userpipe init", or name another with ${flag}`;
  return { what, state: "fail", detail: `There is no ${what}`, hint };
}

/**
 * I3: a dead letter is its record and some headers: one as large as the topic takes must fit.
 * @param most the largest record that each takes, in bytes
 * @param mend makes the dead-letter topic take one of so many bytes
 */
export function deadLetterRoom(
  wanted: Wanted,
  most: { topic: number; deadLetterTopic: number },
  mend: (bytes: number) => string,
): Finding {
  const what = "room for dead letters";
  if (most.deadLetterTopic > most.topic) {
    return { what, state: "ok", detail: `${most.deadLetterTopic - most.topic} bytes more than a record may have` };
  }
  const detail =
    `The dead-letter topic "${wanted.deadLetterTopic}" takes records of ${most.deadLetterTopic} bytes, and ` +
    `"${wanted.topic}" of ${most.topic}: the largest would have no room there with its reason`;
  return { what, state: "fail", detail, hint: mend(most.topic + DEAD_LETTER_ROOM) };
}
