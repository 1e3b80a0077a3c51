/** Whether a host is of this machine alone: what is sent there crosses no network, and what listens there is open to none. */
import { isIP } from "node:net";

/** @param host without a port, an IPv6 address without brackets. A name that only a resolver could tell is taken for one of a network */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
