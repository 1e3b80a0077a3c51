/**
 * The lanes of one session, one a node: which node a row is written to. A batch goes to a replica of all its rows, so
 * that no other node has to pass it on.
 */
import { type Client, errors, type Host } from "cassandra-driver";
import type { Buffer } from "node:buffer";
import { openSocket } from "./cassandra_internals.ts";
import { Lane, type LaneOptions } from "./cassandra_lane.ts";

/** For how long a node whose lane was lost is asked last. */
const AVOID_MS = 5_000;

export type LanesOptions = Pick<LaneOptions, "consistency" | "values" | "maxInFlight"> & { keyspace: string };

export class Lanes {
  readonly #client: Client;
  readonly #nodes: () => Host[];
  readonly #options: LanesOptions;
  readonly #lanes = new Map<string, Lane>();
  readonly #lostAt = new Map<string, number>();
  #turn = 0;

  /** @param nodes those of the local data centre, up or not */
  constructor(client: Client, nodes: () => Host[], options: LanesOptions) {
    this.#client = client;
    this.#nodes = nodes;
    this.#options = options;
  }

  /**
   * The places in `order` by the lane that each row goes to.
   * @param key the partition key of the row at a place, as bytes
   * @throws {errors.NoHostAvailableError} where no node is up
   */
  share(order: Int32Array, key: (row: number) => Buffer): Map<Lane, Int32Array> {
    if (order.length === 0) return new Map();
    const nodes = this.#usable();
    const next = () => nodes[this.#turn++ % nodes.length]!;
    // Where every node has every row, any of them will do.
    if (nodes.length === 1 || this.#replicas(nodes, key(order[0]!)).length === nodes.length) {
      return new Map([[this.#lane(next()), order]]);
    }
    const shares = new Map<Host, number[]>();
    for (const row of order) {
      const node = this.#replicas(nodes, key(row))[0] ?? next();
      const share = shares.get(node);
      if (share === undefined) shares.set(node, [row]);
      else share.push(row);
    }
    return new Map(Array.from(shares, ([node, rows]) => [this.#lane(node), Int32Array.from(rows)]));
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close();
  }

  /** Nodes that are up; those whose lane was just lost only where there is no other. */
  #usable(): Host[] {
    const up = this.#nodes().filter((node) => node.isUp());
    if (up.length === 0) throw new errors.NoHostAvailableError({}, "no node is up");
    const well = up.filter(({ address }) => Date.now() - (this.#lostAt.get(address) ?? 0) > AVOID_MS);
    return well.length > 0 ? well : up;
  }

  /** The row's replicas among these nodes, in the order of the ring. */
  #replicas(nodes: readonly Host[], key: Buffer): Host[] {
    const replicas = this.#client.getReplicas(this.#options.keyspace, key) as Host[] | null;
    return replicas?.filter((node) => nodes.includes(node)) ?? [];
  }

  #lane({ address }: Host): Lane {
    const known = this.#lanes.get(address);
    if (known !== undefined) return known;
    const lane = new Lane({
      ...this.#options,
      address,
      open: () => openSocket(this.#client, address),
      lost: () => this.#lostAt.set(address, Date.now()),
    });
    this.#lanes.set(address, lane);
    return lane;
  }
}
