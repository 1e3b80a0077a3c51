/** Takes members whose processes have died out of their group, so that a start does not wait for their sessions. */
import { sleep } from "../backoff.ts";
import { messageOf } from "../errors.ts";
import { logger } from "../log.ts";
import { typeOf } from "./kafka_errors.ts";
import { type ClusterOptions, destroy, newCluster } from "./kafka_internals.ts";
import type { MemberRecord } from "./kafka_member_record.ts";
import type { KafkaNode } from "./kafka_types.ts";

/** How long it may take until Kafka knows of a member that joins. */
const KNOWN_MS = 3_000;
const KNOWN_CHECK_MS = 20;

const log = logger("broker");

/**
 * To be called while `memberId` joins: Kafka answers that only once the dead are gone, and nothing else on the same
 * connection meanwhile. What cannot be done is said, and then their sessions are waited for.
 */
export async function leaveForTheDead(
  record: MemberRecord,
  { group: groupId, memberId }: { group: string; memberId: string },
  options: ClusterOptions,
): Promise<void> {
  const cluster = newCluster(options);
  let coordinator: KafkaNode | undefined;
  try {
    for (const dead of record.dead()) {
      if (coordinator === undefined) {
        await cluster.connect();
        coordinator = await cluster.findGroupCoordinator({ groupId });
        await known(coordinator, groupId, memberId);
      }
      await leave(coordinator, groupId, dead.memberId);
      dead.forget();
    }
  } catch (error) {
    log.warn(`Cannot take a member that died out of the group "${groupId}", and waits for its session: \
${messageOf(error)}`);
  } finally {
    destroy(cluster);
  }
}

/** A group that is left by its last member is empty, and an empty one waits for more: first the new one is to be in it. */
async function known(coordinator: KafkaNode, groupId: string, memberId: string): Promise<void> {
  for (const end = Date.now() + KNOWN_MS; Date.now() < end; await sleep(KNOWN_CHECK_MS)) {
    const { groups: [{ members }] } = await coordinator.describeGroups({ groupIds: [groupId] });
    if (members.some((each) => each.memberId === memberId)) return;
  }
}

async function leave(coordinator: KafkaNode, groupId: string, memberId: string): Promise<void> {
  try {
    await coordinator.leaveGroup({ groupId, memberId });
  } catch (error) {
    // Its session has run out already.
    if (typeOf(error) !== "UNKNOWN_MEMBER_ID") throw error;
  }
}
