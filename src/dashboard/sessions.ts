/** Who is signed in, in memory: random ids that end when they are not used; and how often a secret may be tried. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** A session that asked for nothing in so long is over, in ms. */
export const SESSION_IDLE_MS = 12 * 3_600_000;
/** The one that was used longest ago goes when there are more. */
const MOST_SESSIONS = 1_000;

export interface Session {
  id: string;
  /** What a request that changes something has to say, and no other page can know. */
  csrf: string;
  /** In ms of `performance.now()`. */
  usedAt: number;
}

/** 256 random bits as text. */
export function randomText(): string {
  return randomBytes(32).toString("base64url");
}

/** Takes as long whatever is given. */
export function sameSecret(given: string, secret: string): boolean {
  const hash = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(given), hash(secret));
}

export class Sessions {
  // In the order of their use, the oldest first.
  readonly #sessions = new Map<string, Session>();
  readonly #now: () => number;

  /** @param now in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  open(): Session {
    for (const { id, usedAt } of this.#sessions.values()) {
      if (this.#sessions.size < MOST_SESSIONS && this.#now() - usedAt < SESSION_IDLE_MS) break;
      this.#sessions.delete(id);
    }
    const session = { id: randomText(), csrf: randomText(), usedAt: this.#now() };
    this.#sessions.set(session.id, session);
    return session;
  }

  /** The session that is used now; undefined where it is over. */
  use(id: string): Session | undefined {
    if (!this.isOpen(id)) return undefined;
    const session = this.#sessions.get(id)!;
    session.usedAt = this.#now();
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    return session;
  }

  isOpen(id: string): boolean {
    const session = this.#sessions.get(id);
    if (session === undefined) return false;
    if (this.#now() - session.usedAt < SESSION_IDLE_MS) return true;
    this.#sessions.delete(id);
    return false;
  }

  close(id: string): void {
    this.#sessions.delete(id);
  }
}

/** Wrong tries that count, in ms. */
const WINDOW_MS = 60_000;
const MOST_OF_ADDRESS = 5;
const MOST_OF_ALL = 50;

/** How often a secret may be tried, by one address and by all. What is right does not count. */
export class Tries {
  // Never more than MOST_OF_ALL.
  #wrong: { at: number; address: string }[] = [];
  readonly #now: () => number;

  /** @param now in ms */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** How long the address has to wait, in ms; 0 where it may try now. */
  waitMs(address: string): number {
    const from = this.#now() - WINDOW_MS;
    this.#wrong = this.#wrong.filter(({ at }) => at > from);
    const own = this.#wrong.filter((each) => each.address === address);
    const full = own.length >= MOST_OF_ADDRESS ? own : this.#wrong.length >= MOST_OF_ALL ? this.#wrong : [];
    return full.length === 0 ? 0 : full[0]!.at - from;
  }

  wrong(address: string): void {
    this.#wrong.push({ at: this.#now(), address });
  }
}
