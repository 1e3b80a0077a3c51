/** The pipelines there are: the only importer of domain folders. A second one is a line here. */
import { UserpipeError } from "./errors.ts";
import type { Pipeline } from "./pipeline.ts";
import { users } from "./users/pipeline.ts";

const PIPELINES: readonly Pipeline[] = [users];

/** @throws {UserpipeError} `settings` where there is no such pipeline */
export function pipelineNamed(name: string): Pipeline {
  const found = PIPELINES.find((pipeline) => pipeline.name === name);
  if (found !== undefined) return found;
  const names = PIPELINES.map((pipeline) => `"${pipeline.name}"`).join(", ");
  throw new UserpipeError("settings", `There is no pipeline "${name}"`, `Name one of ${names} with --pipeline`);
}
