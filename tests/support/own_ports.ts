/**
 * Ports of services of a test's own. Test files run side by side, and a service may be down for a while: whoever has a stretch of
 * ports has it until it is disposed of, also while nothing listens there.
 */
import { join } from "node:path";
import { isFree } from "../../tools/services/ports.ts";
import { TEST_DIR } from "../../tools/services/where.ts";

/** How many ports one has: a Kafka takes up to five. */
const STRETCH = 10;
const LOCKS = join(TEST_DIR, "ports");

/** A port, and the nine behind it. */
export interface Ports extends Disposable {
  port: number;
}

/** The first stretch from `from` on that nobody has and nobody listens in. The kernel takes it back from a process that dies. */
export function ownPorts(from: number, address = "127.0.0.1"): Ports {
  Deno.mkdirSync(LOCKS, { recursive: true });
  for (let port = from;; port += STRETCH) {
    const lock = Deno.openSync(join(LOCKS, String(port)), { create: true, write: true });
    const all = Array.from({ length: STRETCH }, (_, n) => port + n);
    if (lock.tryLockSync(true) && all.every((each) => isFree(address, each))) {
      return { port, [Symbol.dispose]: () => lock.close() };
    }
    lock.close();
  }
}
