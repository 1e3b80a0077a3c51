/** Variables of the environment that nobody reads, and that look as if they were meant for userpipe: a misspelt one is ignored without a word. */
import { SETTINGS } from "./settings.ts";
import type { Setting } from "./settings_types.ts";
import { edits } from "./similar.ts";

const OWN = "USERPIPE_";

/** Of userpipe's own name, and no settings: of its tests, of what surrounds it, and of Kubernetes for a service of that name. */
const NO_SETTINGS = /^USERPIPE_(?:FAULT|TEST_|CONTAINER_|SERVICES_|SERVICE_|PORT(?:$|_))/;

const KNOWN = Object.values(SETTINGS as Record<string, Setting<unknown, unknown>>)
  .flatMap(({ env, holds }) => [env ?? [], holds?.env ?? []].flat())
  .filter((name) => /^(?:USERPIPE|KAFKA|CASSANDRA|SCHEMA_REGISTRY)_/.test(name));

/** What other programs say of the same behind it; more would be names of theirs, and of Kubernetes. */
const ADDED = ["LIST", "NAME", "ID"];

/** A variable, and the one that it may be meant for. */
export interface Misspelt {
  name: string;
  meant: string | undefined;
}

/**
 * Of other programs are names too that begin as ours: of these only what is much like a setting that is not set.
 * @param set the names of all variables that are set
 */
export function misspeltIn(set: readonly string[]): Misspelt[] {
  return set.filter((name) => !KNOWN.includes(name)).flatMap((name): Misspelt[] => {
    const own = name.toUpperCase().startsWith(OWN);
    if (own && NO_SETTINGS.test(name)) return [];
    const meant = meantBy(name.toUpperCase(), own);
    if (own) return [{ name, meant }];
    return meant === undefined || set.includes(meant) ? [] : [{ name, meant }];
  });
}

/** What is wrong, and what to do. */
export function misspeltWords({ name, meant }: Misspelt): { detail: string; hint: string } {
  return {
    detail: `${name} is set, and no setting has that name`,
    hint: meant === undefined
      ? 'Unset it; "userpipe settings --format json" has all names'
      : `Did you mean ${meant}? Rename it, or unset it`,
  };
}

/** @param own whether it begins with our own name, as not all of our settings do: USERPIPE_TOPIC is meant for KAFKA_TOPIC */
function meantBy(name: string, own: boolean): string | undefined {
  const candidates = KNOWN.map((known) => {
    const whole = distance(wordsOf(name), wordsOf(known), name);
    return { known, edits: own ? Math.min(whole, distance(restOf(name), restOf(known), name)) : whole };
  });
  const near = candidates.filter((each) => each.edits <= most(name)).toSorted((a, b) => a.edits - b.edits)[0]?.known;
  return near ?? KNOWN.find((known) => ADDED.some((word) => name === `${known}_${word}`));
}

/** Without what is often left out. */
function wordsOf(name: string): string {
  return name.replaceAll("_", "");
}

function restOf(name: string): string {
  return wordsOf(name.replace(/^(?:USERPIPE|KAFKA|CASSANDRA)_/, ""));
}

/** Lengths that differ by more need no closer look. */
function distance(a: string, b: string, name: string): number {
  return Math.abs(a.length - b.length) > most(name) ? Number.POSITIVE_INFINITY : edits(a, b);
}

/** In a short name two other letters make another word. */
function most(name: string): number {
  return restOf(name).length <= 5 ? 1 : 2;
}
