/** A Postgres of a test file's own, and empty databases in it. */
import { join } from "node:path";
import postgres from "postgres";
import { withoutPostgres } from "../../tools/services/postgres.ts";
import { type OwnPostgres, ownPostgres } from "./own_services.ts";
import { assertNoSecretBelow, mayHoldSecrets } from "./secrets.ts";

const missing = await withoutPostgres();

/** For `Deno.test`: in CI nothing is skipped. */
export const IGNORE: boolean = missing !== undefined && Deno.env.get("CI") !== "true";
/** For a test's name. */
export const SKIPPED: string = IGNORE ? ` (skipped: ${missing})` : "";

export interface TestPostgres extends AsyncDisposable {
  server: OwnPostgres;
  /** Makes a database. @returns its address */
  database(): Promise<string>;
}

async function searchedAndRemoved(folder: string): Promise<void> {
  mayHoldSecrets(join(folder, "postgres", "password"));
  try {
    await assertNoSecretBelow(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

export async function testPostgres(): Promise<TestPostgres> {
  const folder = await Deno.makeTempDir({ prefix: "userpipe-postgres-" });
  const server = await ownPostgres(folder);
  let made = 0;
  return {
    server,
    async database() {
      const name = `test_${++made}`;
      await withSql(server.url, (sql) => sql.unsafe(`CREATE DATABASE ${name}`));
      return at(server.url, { pathname: name });
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      // What it keeps of the runs, and what it logged, in its own files.
      await searchedAndRemoved(folder);
    },
  };
}

/** An address with some of its parts changed. */
export function at(address: string, parts: Partial<Pick<URL, "pathname" | "port" | "username" | "password">>): string {
  return Object.assign(new URL(address), parts).href;
}

/** Statements of the test's own, on a connection of their own. */
export async function withSql<T>(address: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(address, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
