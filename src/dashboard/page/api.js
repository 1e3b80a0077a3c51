/** Asks the server, and says why where it will not: every failure is an {@linkcode ApiError} with a hint. */

/** @typedef {import("./types.ts").Session} Session */

/** How long an answer is waited for, in ms: to read a whole table takes its time. */
const LIMIT_MS = 120_000;

export class ApiError extends Error {
  /** @param {number} status 0 where no answer came @param {string} message @param {string} hint */
  constructor(status, message, hint) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

let csrf = "";
/** @type {() => void} */
let onSignedOut = () => {};

/** Called whenever an answer says that a login is needed. @param {() => void} told */
export function whenSignedOut(told) {
  onSignedOut = told;
}

/** @returns {Promise<Session>} */
export async function session() {
  const session = /** @type {Session} */ (await get("/api/session"));
  csrf = session.csrf;
  return session;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | null | undefined>} [query] those that are null or empty are left out
 * @returns {Promise<any>}
 */
export async function get(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return await ask(search === "" ? path : `${path}?${search}`, {});
}

/** @param {string} path @param {unknown} [body] @returns {Promise<any>} */
export async function post(path, body = {}) {
  return await ask(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-userpipe-csrf": csrf },
    body: JSON.stringify(body),
  });
}

/** @param {string} path @param {RequestInit} init */
async function ask(path, init) {
  const answer = await answerOf(path, init);
  const text = await answer.text();
  if (answer.ok) return text === "" ? null : JSON.parse(text);
  // A wrong password is said by the form that asked for it.
  if (answer.status === 401 && path !== "/login") onSignedOut();
  throw errorOf(answer, text);
}

/** @param {string} path @param {RequestInit} init */
async function answerOf(path, init) {
  try {
    return await fetch(path, { ...init, cache: "no-store", signal: AbortSignal.timeout(LIMIT_MS) });
  } catch (error) {
    const slow = /** @type {Error} */ (error).name === "TimeoutError";
    throw new ApiError(
      0,
      slow ? `No answer within ${LIMIT_MS / 1000} s` : `The server at ${location.host} does not answer`,
      "See whether userpipe still runs; the page goes on by itself when it is back",
    );
  }
}

/** @param {Response} answer @param {string} text */
function errorOf(answer, text) {
  try {
    const { message, hint } = JSON.parse(text).error;
    return new ApiError(answer.status, message, hint ?? "");
  } catch {
    return new ApiError(answer.status, `The server answered ${answer.status} ${answer.statusText}`.trim(), "");
  }
}
