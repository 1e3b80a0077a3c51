/**
 * Transactions on a connection of one's own. The driver's `begin` sends ROLLBACK also where the connection was lost, which ends
 * the process with an error that nobody can catch.
 */
import postgres from "postgres";
import { UserpipeError } from "../errors.ts";
import type { Client, Sql } from "./postgres_session.ts";

/** All or nothing. @param client has one connection, and nobody else uses it meanwhile */
export async function transaction<T>(client: Client, work: (sql: Sql) => Promise<T>): Promise<T> {
  try {
    await client`BEGIN`;
    const answer = await work(client);
    await client`COMMIT`;
    return answer;
  } catch (error) {
    if (!isLost(error)) await client`ROLLBACK`;
    throw error;
  }
}

/** Whether the connection is gone by what the driver threw. */
export function isLost(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return /FATAL|PANIC/.test(error.severity);
  if (error instanceof UserpipeError) return false;
  return error instanceof Error && typeof (error as { code?: unknown }).code === "string";
}
