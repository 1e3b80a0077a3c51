/**
 * What Cassandra and its driver say, in the words of an operating error. Everything that the adapter
 * throws passes through here once.
 */
import { errors, types } from "cassandra-driver";
import { UserpipeError } from "../errors.ts";
import { type Refusal, tlsRefusal } from "../tls.ts";
import { whyUnreached } from "../unreached.ts";

const CODE = types.responseErrorCodes;

/** `Cassandra at "127.0.0.1:9042"`. */
export function nameOf(contactPoints: readonly string[]): string {
  return `Cassandra at "${contactPoints.join(",")}"`;
}

/**
 * The operating error for what the driver threw. A statement or a value that Cassandra will never take is
 * `query`; anything that is not Cassandra's or the driver's comes back as it is.
 * @param name as {@linkcode nameOf} gives it
 */
export function translate(error: unknown, name: string): unknown {
  if (error instanceof UserpipeError) return error;
  if (error instanceof errors.NoHostAvailableError) return noHost(error, name);
  if (error instanceof errors.AuthenticationError) return wrongLogin(error, name);
  if (error instanceof errors.OperationTimedOutError) {
    return busy(`${name} did not answer in time`, error);
  }
  if (error instanceof errors.BusyConnectionError) {
    return busy(`${name} has more requests under way than it takes`, error);
  }
  if (error instanceof errors.ResponseError) return response(error, name);
  const kept = isSocketError(error) ? tlsRefusal(error, "cassandra") : undefined;
  if (kept !== undefined) return keptOut(name, kept, error);
  if (isSocketError(error)) return unreachable(`The connection to ${name} was lost${whyUnreached(error)}`, error);
  return error;
}

/** Whether `error`, translated, came from a request that took too long: a smaller one may succeed. */
export function isTimeout(error: unknown): boolean {
  const cause = error instanceof UserpipeError ? error.cause : error;
  if (cause instanceof errors.OperationTimedOutError) return true;
  return cause instanceof errors.ResponseError && (cause.code === CODE.readTimeout || cause.code === CODE.readFailure);
}

function unreachable(message: string, cause: unknown): UserpipeError {
  const hint = 'Start it with "docker compose up -d", or leave --contact-points out to use the embedded store';
  return new UserpipeError("store-unreachable", message, hint, { cause });
}

function busy(message: string, cause: unknown): UserpipeError {
  return new UserpipeError("store-busy", message, "Wait and try again; look at Cassandra's log if it goes on", {
    cause,
  });
}

/** @param name as {@linkcode nameOf} gives it */
export function keptOut(name: string, { why, hint, refused }: Refusal, cause: unknown): UserpipeError {
  const [code, what] = refused
    ? ["not-authorised", `${name} does not let us in`] as const
    : ["store-unreachable", `Cannot reach ${name}`] as const;
  return new UserpipeError(code, `${what}: ${why}`, hint, { cause });
}

/** Of a login. The driver says so too where none was named and one is asked for. */
function wrongLogin(error: Error, name: string): UserpipeError {
  const { message } = error;
  // A node whose tables of roles are away, or not read yet, takes nobody.
  if (/unable to perform|cannot achieve|timed? ?out/i.test(message)) {
    return unreachable(`${name} can let nobody in now: ${message}`, error);
  }
  if (/provider not set|no authenticator found/i.test(message)) {
    const hint = "Name the user with --cassandra-username, and the password in CASSANDRA_PASSWORD or " +
      "--cassandra-password-file";
    const what = `${name} does not let us in: it lets nobody in without a login`;
    return new UserpipeError("not-authorised", what, hint, { cause: error });
  }
  const hint = "Look at --cassandra-username, and at the password in CASSANDRA_PASSWORD or --cassandra-password-file";
  const what = `${name} does not take the user and password: ${message}`;
  return new UserpipeError("not-authorised", what, hint, { cause: error });
}

const DENIED = /User (\S+) has no ([A-Z]+) permission on <((?:table|keyspace) [^>]+|all keyspaces)>/;

function notAuthorised(error: Error, name: string): UserpipeError {
  const [, user, permission, resource] = DENIED.exec(error.message) ?? [];
  const hint = user === undefined
    ? "Give the user the permission that it names, or use another user"
    : `Allow it: GRANT ${permission} ON ${
      resource!.replace(/^(?:all keyspaces|\w+)/, (word) => word.toUpperCase())
    } TO ${user}`;
  return new UserpipeError("not-authorised", `${name} does not allow it: ${error.message}`, hint, { cause: error });
}

function noHost(error: Error & { innerErrors?: Record<string, unknown> }, name: string): UserpipeError {
  const reasons = Object.values(error.innerErrors ?? {});
  for (const [address, reason] of Object.entries(error.innerErrors ?? {})) {
    const refusal = tlsRefusal(reason, "cassandra");
    if (refusal !== undefined) return keptOut(nameOf([address]), refusal, reason);
  }
  const refused = reasons.find((each) => each instanceof errors.AuthenticationError);
  if (refused instanceof Error) return wrongLogin(refused, name);
  const unavailable = reasons.find(isUnavailable);
  if (unavailable !== undefined) return response(unavailable, name);
  const gone = reasons.find((each) => each instanceof errors.ResponseError && NO_TABLE.test(each.message));
  if (gone instanceof Error) return refusal(gone, name);
  if (reasons.some((each) => each instanceof errors.BusyConnectionError)) {
    return busy(`${name} has more requests under way than it takes`, error);
  }
  return unreachable(`Cannot reach ${name}${whyUnreached(reasons[0] ?? error)}`, error);
}

/** The driver asks the next node, and says at the end that none was left. */
function isUnavailable(reason: unknown): reason is Error & { code: number } {
  return reason instanceof errors.ResponseError && reason.code === CODE.unavailableException;
}

/** As the driver marks the loss of a connection. */
export function socketError(message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { isSocketError: true });
}

function isSocketError(error: unknown): error is Error {
  return error instanceof Error && (error as { isSocketError?: boolean }).isSocketError === true;
}

function response(error: Error & { code: number }, name: string): UserpipeError {
  switch (error.code) {
    case CODE.unavailableException: {
      const hint = "Start the nodes that are down, or ask for less with --consistency";
      return new UserpipeError("store-unreachable", `${name} has too few live replicas: ${error.message}`, hint, {
        cause: error,
      });
    }
    case CODE.unauthorized:
      return notAuthorised(error, name);
    case CODE.badCredentials:
      return wrongLogin(error, name);
    case CODE.syntaxError:
    case CODE.invalid:
    case CODE.configError:
    case CODE.alreadyExists:
    case CODE.functionFailure:
      return refusal(error, name);
    default:
      if (NO_TABLE.test(error.message)) return refusal(error, name);
      // A mutation over the server's limit is its own error in some versions, and not one that waiting cures.
      if (/too large|too big|oversized/i.test(error.message)) return refusal(error, name);
      return busy(`${name} could not do it now: ${error.message}`, error);
  }
}

/** How Cassandra says that a table is not there, or was dropped under a statement that is prepared. */
const NO_TABLE = /unconfigured table|unknown (?:cf|table|keyspace)|(?:keyspace|table) \S+ (?:does not|doesn't) exist/i;

function refusal(error: Error, name: string): UserpipeError {
  const message = error.message;
  if (NO_TABLE.test(message)) {
    const hint = 'Make it with "userpipe init", or look at --keyspace and --table';
    return new UserpipeError("store-missing", `${name} has no such table: ${message}`, hint, { cause: error });
  }
  const hint = /No keyspace has been specified/.test(message)
    ? "Name the table with its keyspace: FROM spark_streams.created_users"
    : "Change the statement as it says";
  return new UserpipeError("query", `${name} refused the statement: ${message}`, hint, { cause: error });
}
