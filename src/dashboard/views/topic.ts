/** The topic's partitions, with where the group stands in each. */
import { positionsOf } from "../../query/group_positions.ts";
import { seldom } from "../../query/seldom.ts";
import type { ApiDeps } from "../deps.ts";
import type { Topic } from "../page/types.ts";
import { perServer } from "./shared.ts";

/** What was asked a moment ago, in ms, is new enough for whoever else asks. */
const FRESH_MS = 500;

const looks = perServer((deps) => seldom(() => topicOf(deps), { restMs: FRESH_MS }));

/** @throws {UserpipeError} as the broker's `partitions` and `committed` */
export async function topic(deps: ApiDeps): Promise<Topic> {
  return await looks(deps)();
}

async function topicOf({ ends, names: { topic }, settings: { group } }: ApiDeps): Promise<Topic> {
  const positions = await positionsOf(await ends.broker(), topic, group);
  return {
    name: topic,
    partitions: positions.map(({ partition, start, end, committed, lag }) => ({
      partition,
      first: String(start),
      end: String(end),
      committed: committed === null ? null : String(committed),
      lag,
    })),
  };
}
