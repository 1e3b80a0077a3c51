/** How fast the topic grows and its group moves, by the looks of the last seconds: also where other processes do that. */
import type { GroupPosition } from "../../query/group_positions.ts";
import type { Status } from "../../query/status.ts";

/** How far back a rate looks, in ms. */
const RATE_MS = 5_000;
/** Before looks that are further apart, in ms, it begins anew: nobody asked meanwhile. */
const GAP_MS = 15_000;

/** In records a second; null where it is not known. */
export interface Rates {
  /** Published to the topic, by whomever. */
  published: number | null;
  /** Carried by the group, by whomever. */
  carried: number | null;
}

interface Look {
  at: number;
  positions: readonly GroupPosition[];
}

export class Flow {
  /** Oldest first. */
  #looks: Look[] = [];

  see({ at, positions }: Pick<Status, "at" | "positions">): Rates {
    if (!positions.ok) return { published: null, carried: null };
    const last = this.#looks.at(-1);
    if (last !== undefined && at - last.at > GAP_MS) this.#looks = [];
    if (last === undefined || at > last.at) this.#looks.push({ at, positions: positions.value });
    this.#looks = this.#looks.filter((look) => look.at >= at - RATE_MS);
    const [first] = this.#looks;
    const newest = this.#looks.at(-1)!;
    const rate = (of: (position: GroupPosition) => bigint) => {
      if (first === newest) return 0;
      const moved = sumOf(newest.positions, of) - sumOf(first!.positions, of);
      // Below 0 it is another topic of the same name, or a group that was set back.
      return Math.max(0, 1000 * Number(moved) / (newest.at - first!.at));
    };
    return { published: rate(({ end }) => end), carried: rate(({ committed, start }) => committed ?? start) };
  }
}

function sumOf(positions: readonly GroupPosition[], of: (position: GroupPosition) => bigint): bigint {
  return positions.reduce((sum, position) => sum + of(position), 0n);
}
