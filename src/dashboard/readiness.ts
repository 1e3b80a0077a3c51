/** Whether each end works, for `/readyz`: asked within a limit of time, and answered from before for a second. */
import { healthOf } from "../query/status.ts";
import { seldom } from "../query/seldom.ts";
import type { ApiDeps } from "./deps.ts";

/** For each end. */
const LIMIT_MS = 2_000;
const FRESH_MS = 1_000;

export interface Readiness {
  ready: boolean;
  parts: ({ name: string; ok: true; detail: string } | { name: string; ok: false; why: string; hint: string })[];
}

export function readinessOf({ ends, names: { topic } }: Pick<ApiDeps, "ends" | "names">): () => Promise<Readiness> {
  let look: ReturnType<typeof healthOf> | undefined;
  return seldom(async () => {
    look ??= healthOf({
      ...{ broker: await ends.broker(), store: await ends.store(), runs: ends.runs, registry: await ends.registry() },
      ...{ topic, limitMs: LIMIT_MS },
    });
    const parts = (await look()).map(({ component: name, part }) =>
      part.ok
        ? { name, ok: true as const, detail: part.value }
        : { name, ok: false as const, why: part.why, hint: part.hint }
    );
    return { ready: parts.every(({ ok }) => ok), parts };
  }, { restMs: FRESH_MS });
}
