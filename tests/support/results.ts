/** What tests ask of a `Result`. */
import assert from "node:assert/strict";
import type { Result } from "../../src/pipeline.ts";

/** The value that there has to be. */
export function valueOf<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? "" : result.reason);
  return result.value;
}

/** The reason why there must be none. */
export function reasonOf(result: Result<unknown>): string {
  assert.ok(!result.ok, "it was accepted");
  return result.reason;
}
