/** Waits: their growth, their limit, and a sleep that is longer than a timer takes. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { sleep, waitMs } from "../src/backoff.ts";

Deno.test("a wait is between half of the doubled one and all of it, up to the limit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const full = Math.min(10_000, 100 * 2 ** (attempt - 1));
      const wait = waitMs({ firstMs: 100, maxMs: 10_000 }, attempt, () => random);
      assert.ok(wait >= full / 2 && wait <= full);
    }),
  );
});

Deno.test("a sleep of years does not end at once, and ends with its signal", async () => {
  const stop = new AbortController();
  let over = false;
  const sleeping = sleep(100 * 366 * 86_400_000, stop.signal).then(() => over = true);
  await sleep(20);
  assert.equal(over, false);
  stop.abort();
  await sleeping;
});

Deno.test("a sleep of nothing or less ends at once", async () => {
  await sleep(-5);
  await sleep(0);
});
