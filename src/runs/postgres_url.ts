/** How a record of runs in Postgres is named: `postgres://user:password@host:port/database?sslmode=…`, and nothing else. */
import { UserpipeError } from "../errors.ts";

/** libpq's words; with `prefer` and `require` the certificate is not looked at. */
const SSL_MODES = ["disable", "prefer", "require", "verify-full"] as const;
type SslMode = typeof SSL_MODES[number];

export interface Place {
  host: string;
  port: number;
  database: string;
  user: string;
  password: string;
  sslMode: SslMode;
  /** For messages, and without the password: `Postgres at "db.example:5432/airflow"`. */
  name: string;
}

/**
 * What an address names: the port is 5432 and the database the user's name where it leaves them out.
 * @param password wins over the one in the address; where there is neither, it is that of `PGPASSWORD`
 * @throws {UserpipeError} `settings`
 */
export function placeOf(address: string, password?: string): Place {
  const url = URL.parse(address.trim());
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") {
    throw wrong("It is no address of a Postgres");
  }
  const user = decode(url.username);
  if (user === "") throw wrong("It names no user");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || 5432);
  const database = decode(url.pathname.slice(1)) || user;
  const name = `Postgres at "${url.hostname}:${port}/${database}"`;
  const secret = password ?? (decode(url.password) || Deno.env.get("PGPASSWORD") || "");
  return { host, port, database, user, password: secret, sslMode: sslModeOf(url), name };
}

function sslModeOf(url: URL): SslMode {
  const unknown = [...url.searchParams.keys()].find((name) => name !== "sslmode");
  if (unknown !== undefined) throw wrong(`It has an option "${unknown}", which is not known`);
  const asked = url.searchParams.get("sslmode") ?? "prefer";
  const mode = SSL_MODES.find((each) => each === asked);
  if (mode === undefined) throw wrong(`Its sslmode is "${asked}", which is none of ${SSL_MODES.join(", ")}`);
  return mode;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw wrong("It has a % that encodes nothing: write %25 for it");
  }
}

/** The address itself is not shown: it may have the password. */
function wrong(why: string): UserpipeError {
  const hint =
    "Write --runs postgres://user@host:5432/database, with ?sslmode=verify-full where it is not this machine";
  return new UserpipeError("settings", `The address of the record of runs cannot be used. ${why}`, hint);
}
