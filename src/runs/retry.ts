/** Which runs can be queued once more: those that have ended, and whose source gives the same again. */
import type { Run } from "./runs.ts";

/** @param claimed whether a process is about to fetch it again @returns why it cannot be, or null */
export function whyNotAgain(run: Run, claimed: boolean): string | null {
  const { id, state, source, sourceKind, seed, page, count, target } = run;
  if (state === "queued") return `The run ${id} is queued already`;
  if (state === "running") return `The run ${id} is under way`;
  if (claimed) return `The run ${id} is about to be fetched again`;
  if (sourceKind === "file") return `The run ${id} read ${source}, which may be another by now`;
  const paged = sourceKind === "generated" || page !== null;
  if (seed === null || !paged || count === null || target.topic === "") {
    return `What the run ${id} asked for is not whole on record`;
  }
  return null;
}
