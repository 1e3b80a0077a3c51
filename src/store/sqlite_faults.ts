/** Whose fault a failed write is: the row's own, the disk's for now, or one that waiting does not cure. */
import { UserpipeError } from "../errors.ts";
import { wrongWith } from "../packed.ts";
import type { Column, Value } from "../pipeline.ts";

/** Why the store will never take a row of these cells, or `undefined`. SQLite would take them all, some altered. */
export function whyRefused(values: readonly Value[], columns: readonly Column[]): string | undefined {
  if (values.length !== columns.length) return `it has ${values.length} values for ${columns.length} columns`;
  for (let i = 0; i < columns.length; i++) {
    const { name, type } = columns[i]!;
    const value = values[i]!;
    if (value === null) {
      if (i === 0) return `"${name}" is null, and it is the primary key`;
    } else if (typeof value !== "string") {
      return `"${name}" is not a text`;
    } else {
      const wrong = wrongWith(value, type);
      if (wrong !== undefined) return `"${name}" ${wrong}`;
    }
  }
  return undefined;
}

/** Primary result codes of https://sqlite.org/rescode.html. */
const [BUSY, LOCKED, FULL, TOOBIG, CONSTRAINT, MISMATCH] = [5, 6, 13, 18, 19, 20];

/** Whether SQLite refuses the row by itself: others of its transaction can be stored. */
export function isFaultOfRow(error: unknown): boolean {
  return [TOOBIG, CONSTRAINT, MISMATCH].includes(codeOf(error));
}

/**
 * `translated` as it is, unless the store is only in the way for now: then an error that waiting can cure.
 * Not `store-busy`, which several times over may be held against a row.
 */
export function waitable(translated: unknown, thrown: unknown, path: string): unknown {
  const cause = thrown instanceof UserpipeError ? thrown.cause : thrown;
  const code = codeOf(cause);
  if (code === FULL) return unreachable("the disk is full", "Make room: it goes on by itself");
  if (code === BUSY || code === LOCKED) {
    return unreachable("another process holds it", "End the other process: it goes on by itself");
  }
  return translated;

  function unreachable(what: string, hint: string): UserpipeError {
    return new UserpipeError("store-unreachable", `Cannot write to "${path}": ${what}`, hint, { cause });
  }
}

/** The primary result code; −1 where it is not an error of SQLite. */
function codeOf(error: unknown): number {
  const { errcode } = (error ?? {}) as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : -1;
}
