/** API bodies of every kind through the pipeline's unwrap and check: an answer each time, and never a throw. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { users } from "../../src/users/pipeline.ts";
import { reported } from "../support/fault_report.ts";
import { AWKWARD, records } from "../support/records.ts";
import { sized } from "../support/size.ts";

const BODIES = sized(20_000, 1_000_000);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const BODY = { results: [...records(2), ...Object.values(AWKWARD)], info: { seed: "s", results: 14, page: 1 } };

/** Every place in a JSON value. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

const PLACES = placesIn(BODY);
const NOTHING = Symbol("removed");

/** A copy of `value` with something else at `path`. */
function changedAt(value: unknown, [key, ...path]: string[], to: unknown): unknown {
  if (key === undefined) return to;
  if (typeof value !== "object" || value === null) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const inner = changedAt(copy[key], path, to);
  if (inner === NOTHING) delete copy[key];
  else copy[key] = inner;
  return copy;
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(NOTHING, null, "", 0, -1, 1e400, NaN, "\ud800", "\u0000", [], {}, true, 2 ** 53, 0.1),
  fc.string({ unit: "binary" }),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>,
  fc.anything({ maxDepth: 2 }),
);
const mutation = fc.tuple(fc.constantFrom(...PLACES), odd);

Deno.test(`${BODIES.toLocaleString("en")} mutated API bodies are taken or refused, and none throws`, () =>
  reported(
    { suite: "random", fault: "mutated API bodies through unwrap, check and normalise", ends: "none" },
    async () => {
      let [taken, refused] = [0, 0];
      fc.assert(
        fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
          const body = mutations.reduce<unknown>((body, [path, to]) => changedAt(body, path, to), BODY);
          const unwrapped = users.unwrap(body === NOTHING ? undefined : body);
          if (!unwrapped.ok) return assert.match(unwrapped.reason, /./);
          for (const raw of unwrapped.value) {
            const checked = users.check(raw);
            if (checked.ok) taken++;
            else refused++;
            if (!checked.ok) {
              assert.match(checked.reason, /./);
              continue;
            }
            // What is taken goes the whole way: it is read as it was written.
            const event = users.normalise(checked.value);
            assert.deepEqual(users.decode(users.encode(event)), { ok: true, value: event });
          }
        }),
        { numRuns: BODIES },
      );
      assert.ok(taken > BODIES && refused > BODIES / 10, `${taken} taken, ${refused} refused`);
      const seen = `${taken.toLocaleString("en")} records taken, ${refused.toLocaleString("en")} refused, no throw`;
      return { times: BODIES, records: taken + refused, rows: 0, dead: 0, missing: 0, different: 0, seen };
    },
  ));
