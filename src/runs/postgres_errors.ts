/** What Postgres and its driver say, in the words of an operating error. All that the adapter throws passes here once. */
import postgres from "postgres";
import { UserpipeError } from "../errors.ts";
import { whyUnreached } from "../unreached.ts";

/**
 * SQLSTATE classes that pass by waiting: connection, rollback, resources, intervention of an operator, the system; and that a
 * transaction stood still for too long, as after a freeze.
 */
const PASSING = /^(08|40|53|55|57|58|25P03)/;
/** A standby takes no writes; after a fail-over it is another's turn. */
const READ_ONLY = "25006";
const NO_DATABASE = "3D000";
/** No such schema, table, function or column, of those that were there when it was opened. */
const GONE = ["3F000", "42P01", "42883", "42703"];
const NOT_ALLOWED = "42501";
const WRONG_LOGIN = /^28/;

/** The operating error for what the driver threw; what is neither its nor Postgres's comes back as it is. */
export function translate(error: unknown, name: string): unknown {
  if (error instanceof UserpipeError) return error;
  if (error instanceof postgres.PostgresError) return ofServer(error, name);
  if (error instanceof Error && typeof (error as { code?: unknown }).code === "string") {
    return unreachable(`Cannot reach ${name}${whyUnreached(error)}`, error);
  }
  return error;
}

const START = "Start it, or look at --runs (USERPIPE_RUNS); left out, the record is a file of the data folder";

/** It took too long; the connections are given up. */
export class NoAnswer extends UserpipeError {
  constructor(name: string, withinMs: number) {
    super("runs-unreachable", `${name} did not answer in ${withinMs / 1_000} s`, START);
  }
}

export function unreachable(message: string, cause?: unknown): UserpipeError {
  return new UserpipeError("runs-unreachable", message, START, { cause });
}

/** Another one, or none, is where the record was. */
export function replaced(name: string, cause?: unknown): UserpipeError {
  const message = `The record of runs in ${name} was removed or made anew while it was open`;
  const hint = "Put the schema userpipe back, or do without what it held; then start again";
  return new UserpipeError("runs-replaced", message, hint, { cause });
}

function ofServer(error: postgres.PostgresError, name: string): unknown {
  const { code, message } = error;
  if (WRONG_LOGIN.test(code)) {
    const hint =
      "Look at the user of --runs (USERPIPE_RUNS) and at its password: in it, in PGPASSWORD or --runs-password-file";
    return new UserpipeError("not-authorised", `${name} does not let us in: ${message}`, hint, { cause: error });
  }
  if (code === NOT_ALLOWED) {
    const hint =
      "Let the user of --runs (USERPIPE_RUNS) make a schema (GRANT CREATE ON DATABASE), or own the schema userpipe";
    return new UserpipeError("not-authorised", `${name} does not allow it: ${message}`, hint, { cause: error });
  }
  if (code === NO_DATABASE) {
    return new UserpipeError(
      "settings",
      `${name} is not there: ${message}`,
      "Make it, or name another with --runs (USERPIPE_RUNS)",
      {
        cause: error,
      },
    );
  }
  if (GONE.includes(code)) return replaced(name, error);
  if (code === READ_ONLY) return unreachable(`${name} takes no writes: ${message}`, error);
  return PASSING.test(code) ? unreachable(`${name} cannot do it now: ${message}`, error) : error;
}
