/**
 * Why one HTTP request gave no page: in the words of an operating error, and whether another try may. Where there
 * was no answer at all, the driver's words are told apart here.
 */
import { type Code, messageOf, UserpipeError } from "../errors.ts";
import { oneLine } from "./wording.ts";

/**
 * @property afterMs how long the server asks to wait before the next try
 * @property quota whether it is because too much was asked for
 */
export class RequestFailed extends Error {
  constructor(readonly error: UserpipeError, readonly again: boolean, readonly afterMs = 0, readonly quota = false) {
    super(error.message, { cause: error });
  }
}

/** What is asked, or has answered. */
export interface Place {
  url: URL;
  /** Hides the secrets of the address that a person gave, which may be quoted in whatever comes from there. */
  hide: (text: string) => string;
}

/** An address for messages: without its query and its user, which may hold keys. */
export function shown({ url, hide }: Place): string {
  return `"${url.origin}${hide(url.pathname)}"`;
}

/** An answer that is there, and is not one to take. @param what what it quotes has its secrets hidden */
export function badAnswer(
  place: Place,
  what: string,
  hint: string,
  options: { again: boolean; code?: Code },
): RequestFailed {
  // A server's own sentence may end with its full stop, and more is said behind it.
  const clause = what.replace(/[.\s]+$/, "");
  const error = new UserpipeError(options.code ?? "source-answer", `${shown(place)} ${clause}`, hint);
  return new RequestFailed(error, options.again);
}

/** No whole answer, in the words of {@linkcode REASONS}. */
export function noAnswer(place: Place, thrown: unknown): RequestFailed {
  const said = thrown instanceof Error && thrown.cause !== undefined ? messageOf(thrown.cause) : messageOf(thrown);
  // Without the address, whose query may hold a key.
  const detail = said.replace(/^error sending request .*?client error \(\w+\): /s, "");
  const [, what, hint] = REASONS.find(([pattern]) => pattern.test(detail)) ?? UNKNOWN;
  return unreachable(place, what.replace("{detail}", () => oneLine(place.hide(detail))), hint, thrown);
}

export function tooSlow(place: Place, timeoutMs: number): RequestFailed {
  const hint = "Try again later, or ask for fewer records with --count";
  return unreachable(place, `no whole answer within ${timeoutMs / 1000} s`, hint);
}

function unreachable(place: Place, what: string, hint: string, cause?: unknown): RequestFailed {
  return new RequestFailed(
    new UserpipeError("source-unreachable", `Cannot reach ${shown(place)}: ${what}`, hint, { cause }),
    true,
  );
}

const UNKNOWN = [undefined, "{detail}", "Look at the address, or try again later"] as const;

/** What Deno's fetch says (it has no codes), in our words, and what to do. */
const REASONS: readonly (readonly [said: RegExp, what: string, hint: string])[] = [
  [
    /dns error|failed to lookup/i,
    "its name does not resolve (DNS)",
    "Look at the address, and whether this machine has a network and a name server",
  ],
  [
    /connection refused/i,
    "the connection was refused",
    "Start the server, or name its address and port with --url",
  ],
  [
    /certificate|tls|handshake|corrupt message/i,
    "no secure connection (TLS: {detail})",
    "Look at the server's certificate, and whether --url should begin with http: or https:",
  ],
  [
    /unreachable|no route/i,
    "there is no route to it",
    "Look at this machine's network",
  ],
  [
    /timed out/i,
    "the connection timed out",
    "Look at the address and at firewalls between here and there",
  ],
  [
    /error reading a body|closed before|connection reset|broken pipe|unexpected eof|end of file/i,
    "the connection was cut in the middle of the answer",
    "Try again later, or ask for fewer records with --count",
  ],
];
