/** Runs `userpipe doctor` and reads what it found. */
import assert from "node:assert/strict";
import type { Finding } from "../../src/errors.ts";
import { type CliOptions, userpipe, withFolder } from "./cli.ts";

/** A line of `--format json`. */
export interface Found {
  component: string;
  check: string;
  state: Finding["state"];
  detail: string;
  hint: string | null;
}

/** A source that needs nothing, where the source is not what is looked at. */
export const NO_SOURCE = ["--generate", "1"];

/** All that it found, with the exit code that must go with it. */
export async function examine(args: string[], options: CliOptions): Promise<Found[]> {
  const { code, stdout, stderr } = await userpipe(["doctor", "--format", "json", ...args], options);
  const found: Found[] = JSON.parse(stdout);
  assert.equal(code, found.every(({ state }) => state === "ok") ? 0 : 1, stdout + stderr);
  return found;
}

/** All that it found of one component, in a folder of its own. */
export async function examineFresh(component: string, args: string[]): Promise<Found[]> {
  let found: Found[] = [];
  await withFolder(async (cwd) => void (found = await examine([...NO_SOURCE, ...args], { cwd })));
  return found.filter((one) => one.component === component);
}

/** What must be among the findings. */
export interface Trap {
  state: Finding["state"];
  detail: RegExp;
  hint?: RegExp;
}

/** The one finding that says so; with its hint. */
export function names(found: readonly (Pick<Found, "state" | "detail"> & { hint?: string | null })[], trap: Trap) {
  const one = found.find(({ detail }) => trap.detail.test(detail));
  const all = JSON.stringify(found, null, 2);
  assert.ok(one !== undefined, `nothing is like ${trap.detail} in ${all}`);
  assert.equal(one.state, trap.state, all);
  if (trap.hint !== undefined) assert.match(one.hint ?? "", trap.hint);
  assert.equal(typeof one.hint === "string" && one.hint.length > 0, one.state !== "ok", all);
}

/** Nothing is wrong in what is left once `traps` are taken out. */
export function onlyThese(found: readonly Found[], ...traps: Trap[]): void {
  for (const trap of traps) names(found, trap);
  const others = found.filter(({ state, detail }) => state !== "ok" && !traps.some((trap) => trap.detail.test(detail)));
  assert.deepEqual(others, []);
}
