/**
 * Who of a consumer group reads what: kafkajs's round robin, for each topic among the members that subscribe to it.
 * kafkajs's own hands the leader's topic to every member, so two topics in one group would stand still.
 */
import { type Assigner, AssignerProtocol, type Cluster, type GroupMember, PartitionAssigners } from "kafkajs";

/** What of kafkajs's cluster the assigner uses. */
export interface AssignerCluster {
  targetTopics: Set<string>;
  addTargetTopic(topic: string): Promise<void>;
}

type Shares = Awaited<ReturnType<Assigner["assign"]>>;

export function amongSubscribers(cluster: AssignerCluster): Assigner {
  const roundRobin = PartitionAssigners.roundRobin({
    cluster: cluster as unknown as Cluster,
    groupId: "",
    logger: null!,
  });
  return {
    name: roundRobin.name,
    version: roundRobin.version,
    protocol: (subscription) => roundRobin.protocol(subscription),
    async assign({ members, topics }) {
      const subscribers = new Map<string, GroupMember[]>();
      for (const member of members) {
        for (const topic of AssignerProtocol.MemberMetadata.decode(member.memberMetadata)?.topics ?? []) {
          subscribers.set(topic, [...subscribers.get(topic) ?? [], member]);
        }
      }
      const shares: Shares = [];
      for (const [topic, group] of subscribers) {
        if (topics.includes(topic)) shares.push(...await roundRobin.assign({ members: group, topics: [topic] }));
        else shares.push(...await ofOtherTopic(topic, group));
      }
      return merged(shares);
    },
  };

  /** The leader does not read this topic: it looks it up for those who do, and forgets it again. */
  async function ofOtherTopic(topic: string, members: GroupMember[]): Promise<Shares> {
    try {
      await cluster.addTargetTopic(topic);
      return await roundRobin.assign({ members, topics: [topic] });
    } catch {
      // A topic that is gone is its own members' trouble, and they say so.
      return [];
    } finally {
      cluster.targetTopics.delete(topic);
    }
  }
}

/** One share a member, also of one that subscribes to several topics. */
function merged(shares: Shares): Shares {
  const { MemberAssignment } = AssignerProtocol;
  const byMember = new Map<string, Record<string, number[]>>();
  for (const { memberId, memberAssignment } of shares) {
    const assignment = MemberAssignment.decode(memberAssignment)?.assignment;
    byMember.set(memberId, { ...byMember.get(memberId), ...assignment });
  }
  return Array.from(byMember, ([memberId, assignment]) => {
    return {
      memberId,
      memberAssignment: MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) }),
    };
  });
}
