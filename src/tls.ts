/** TLS with the ends: what is shown and trusted, and what a failed handshake means and how it is mended. */
import type { ConnectionOptions } from "node:tls";

/** All of it in PEM. */
export interface Tls {
  /** Authorities whose certificates are trusted; left out: those that are publicly trusted. */
  ca?: string;
  /** The certificate that is shown, with its key; left out: none. */
  cert?: string;
  key?: string;
  /** The name that the other end's certificate must have; left out: its address. */
  serverName?: string;
}

/** Who logs in. */
export interface Login {
  username: string;
  password: string;
}

/** As node's `tls.connect` takes it. Nothing is left undefined: it would stand over what a driver puts beside it. */
export function tlsOptions({ ca, cert, key, serverName }: Tls): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}

/** Whose settings a hint names. */
export type End = "kafka" | "cassandra";

/** Why there is no connection, where that is no matter of being reached. */
export interface Refusal {
  /** A clause to go behind an address and a colon: `its certificate has expired`. */
  why: string;
  hint: string;
  /** Whether it is the other end that does not let us in. */
  refused: boolean;
}

/** What an end that was spoken to in plain says of itself. */
export const SPEAKS_TLS = "it speaks TLS only";

/** What node calls a certificate that it does not trust: also one that has expired. */
export const UNVERIFIED = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
/** What such a certificate is found to be once it is looked at. */
export const EXPIRED = "its certificate has expired";
export const NOT_YET_VALID = "its certificate is not valid yet";

/**
 * What TLS has against a connection; undefined where an error is of something else.
 * @param error what the handshake threw, a driver's words around it included
 */
export function tlsRefusal(error: unknown, end: End): Refusal | undefined {
  const said = saidBy(error);
  const found = TROUBLES.find(({ said: pattern }) => pattern.test(said));
  if (found === undefined) return undefined;
  const { why, hint, refused = false } = found;
  const names = NAMES.exec(said)?.[1];
  return { why: names === undefined ? why : `${why} (it is for ${names})`, hint: hint(end), refused };
}

/** An error's words, and those of what caused it: drivers wrap what the handshake threw. */
function saidBy(error: unknown): string {
  const { code, message, cause, innerError } = (error ?? {}) as Record<string, unknown>;
  const inner = cause ?? innerError;
  return `${code ?? ""} ${message ?? ""}${inner === undefined ? "" : ` ${saidBy(inner)}`}`;
}

/** What the certificate's own names are, where the error tells. */
const NAMES = /is not (?:in the cert's (?:altnames|list)|cert's CN): (.+?)(?: ERR_|$)/;

interface Trouble {
  /** The code or the words of Deno's TLS, or ours. */
  said: RegExp;
  why: string;
  hint: (end: End) => string;
  refused?: boolean;
}

/** An alert is what the other end says of us; the others are what we say of it. */
const TROUBLES: readonly Trouble[] = [
  {
    said: /fatal alert: (?:CertificateRequired|BadCertificate|UnknownCA|UnsupportedCertificate|AccessDenied)/,
    why: "it lets nobody in without a certificate that it trusts",
    hint: (end) => `Name one that it trusts with --${end}-cert-file, and its key with --${end}-key-file`,
    refused: true,
  },
  {
    said: /fatal alert: (?:CertificateExpired|CertificateUnknown|CertificateRevoked|DecryptError)/,
    why: "it does not take our certificate: it is not trusted there, has expired, or is not a client's",
    hint: (end) => `Look at the certificate in --${end}-cert-file, and at the other end's log`,
    refused: true,
  },
  {
    said: /fatal alert: (?:ProtocolVersion|HandshakeFailure|InsufficientSecurity)|ERR_SSL_(?:UNSUPPORTED|NO_)/,
    why: "it speaks no TLS that is known here, or lets nobody in without a certificate",
    hint: (end) => `Let it speak TLS 1.2 or 1.3; where it asks for a certificate, name one with --${end}-cert-file`,
    refused: true,
  },
  {
    said: /fatal alert: /,
    why: "it breaks off TLS's handshake, as who does not trust our certificate may",
    hint: (end) => `Look at the certificate in --${end}-cert-file, and at the other end's log`,
  },
  {
    said: /ERR_TLS_CERT_ALTNAME_INVALID/,
    why: "its certificate is for another name",
    hint: (end) => `${OTHER_NAME[end]}, or have its certificate made for that name too (subject alternative name)`,
  },
  { said: new RegExp(EXPIRED), why: EXPIRED, hint: () => "Have it made anew, or set the clock of this machine" },
  {
    said: new RegExp(NOT_YET_VALID),
    why: NOT_YET_VALID,
    hint: () => "Set the clock of this machine, or that of the machine that made it",
  },
  {
    said: new RegExp(UNVERIFIED),
    why: "its certificate is signed by no authority that is trusted here",
    hint: (end) => `Name the certificate of its authority, in PEM, with --${end}-ca-file`,
  },
  {
    said: /ERR_SSL_WRONG_VERSION_NUMBER|InvalidContentType|before secure TLS connection was established/,
    why: "it does not speak TLS there",
    hint: (end) => `Leave out --${end}-tls, or name the port where it speaks TLS`,
  },
  { said: new RegExp(SPEAKS_TLS), why: SPEAKS_TLS, hint: (end) => `Add --${end}-tls (${end.toUpperCase()}_TLS=true)` },
];

const OTHER_NAME: Record<End, string> = {
  kafka: "Name it in --brokers, and in its advertised.listeners, as its certificate does",
  cassandra: "Give a name that all nodes' certificates have with --cassandra-server-name",
};
