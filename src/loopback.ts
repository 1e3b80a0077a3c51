/** Hosts of addresses: whether one is of this machine alone, so that what is sent there crosses no network and what listens there is open to none. */
import { isIP } from "node:net";

/** @param host without a port, an IPv6 address without brackets. A name that only a resolver could tell is taken for one of a network */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** Of an IPv6 address as it stands in an address of more; of any other host it is itself. */
export function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}
