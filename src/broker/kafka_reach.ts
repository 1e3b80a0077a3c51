/** Whether anything takes connections at an address, below Kafka's own protocol; and if not, why. */
import { connect } from "node:net";

const REASONS: Record<string, string> = {
  ENOTFOUND: "whose name does not resolve here",
  EAI_AGAIN: "whose name does not resolve here",
  ECONNREFUSED: "where nothing listens",
  EHOSTUNREACH: "to which there is no way from here",
  ENETUNREACH: "to which there is no way from here",
};

/**
 * @param address `host:port`
 * @returns nothing where it can be reached, else why not, to go behind the address: `where nothing listens`
 */
export function whyNotReached(address: string, limitMs: number): Promise<string | undefined> {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(address.slice(colon + 1)) });
    const end = (why?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(why);
    };
    const timer = setTimeout(() => end("which does not answer"), limitMs);
    socket.once("connect", () => end());
    // Also behind the first, so that none goes unheard.
    socket.on("error", (error: Error & { code?: string }) => end(REASONS[error.code ?? ""] ?? `(${error.message})`));
  });
}
