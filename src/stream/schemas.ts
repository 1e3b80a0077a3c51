/**
 * What a process knows of the schemas in the registry: its own, whose id stands before each value that it publishes, and
 * those that the values it reads were written by. What is known is not asked for again.
 */
import { sleep, waitMs } from "../backoff.ts";
import type { Delivered } from "../broker/broker.ts";
import { isTransient } from "../errors.ts";
import type { Registry } from "../registry/registry.ts";
import { payloadStart, prefixOf, schemaIdOf } from "../wire_format.ts";
import { Outage } from "./outage.ts";

const BACKOFF = { firstMs: 200, maxMs: 10_000 };
/** Ids that are asked for at once. */
const AT_ONCE = 8;

type Read = Pick<Delivered, "value" | "unreadable">;

export class Schemas {
  readonly outage: Outage;
  readonly registry: Registry;
  #prefix: Promise<Uint8Array> | undefined;
  /** Those of schemas that values may have: as many as the registry has. */
  readonly #good = new Set<number>();

  constructor(registry: Registry) {
    this.registry = registry;
    this.outage = new Outage(registry.name);
  }

  /** What stands before each value that is published. @throws {UserpipeError} as the registry's `id` */
  prefix(): Promise<Uint8Array> {
    if (this.#prefix !== undefined) return this.#prefix;
    const asking = this.#prefix = this.registry.id().then(prefixOf);
    asking.catch(() => this.#prefix = undefined);
    return asking;
  }

  /**
   * Why values of which schema cannot be read, of the ids that these values name; undefined where all can. I3: while the
   * registry is away, an id that is not known yet is waited for, aloud.
   * @param signal gives up the waiting
   * @throws {UserpipeError} what waiting cannot cure, and what it can once the signal is aborted
   */
  async refused(
    messages: readonly Read[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, string> | undefined> {
    const ids = this.#newIn(messages);
    if (ids.length === 0) return undefined;
    const refused = new Map<number, string>();
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      await Promise.all(
        ids.slice(at, at + AT_ONCE).map(async (id) => {
          const why = whyNot(id, await this.#kindOf(id, signal));
          if (why === undefined) this.#good.add(id);
          else refused.set(id, why);
        }),
      );
    }
    return refused.size === 0 ? undefined : refused;
  }

  #newIn(messages: readonly Read[]): number[] {
    const found = new Set<number>();
    let last: number | undefined;
    for (const { value, unreadable } of messages) {
      if (value === null || payloadStart(value) === 0 || unreadable !== undefined) continue;
      const id = schemaIdOf(value);
      if (id === undefined || id === last) continue;
      last = id;
      if (!this.#good.has(id)) found.add(id);
    }
    return [...found];
  }

  async #kindOf(id: number, signal: AbortSignal): Promise<string | undefined> {
    for (let attempt = 1;; attempt++) {
      try {
        const kind = await this.registry.kindOf(id);
        this.outage.over();
        return kind;
      } catch (error) {
        if (!isTransient(error) || signal.aborted) throw error;
        this.outage.begin(error);
        await sleep(waitMs(BACKOFF, attempt), signal);
      }
    }
  }
}

function whyNot(id: number, kind: string | undefined): string | undefined {
  if (kind === undefined) return `the schema registry has no schema of the id ${id}`;
  if (kind !== "JSON") return `it is of the schema ${id}, which is one of ${kind}, not of JSON`;
}
