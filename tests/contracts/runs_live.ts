/** The runs port: what processes say of themselves while they keep running. */
import assert from "node:assert/strict";
import { LIVE_KEPT_MS } from "../../src/live.ts";
import { liveFigures } from "../support/live.ts";
import { open, type Test } from "./runs_kit.ts";

const SECOND = 1_000;
const placesOf = (figures: readonly { process: string; at: number }[]) =>
  figures.map(({ process, at }) => [process, at]);

export function live(test: Test): void {
  test("what a process says of itself is what others are told", async (record) => {
    const [one, other] = await open(record, 2);
    const waiting = { message: 'away: "\0\ud800"', hint: "→ start it" };
    const figures = liveFigures("p", Date.now(), { stream: { ...liveFigures("p", 0).stream!, waiting } });
    await one!.live.put(figures);
    assert.deepEqual(await other!.live.since(0), [figures]);
    assert.deepEqual(await one!.live.since(figures.at), [figures]);
    assert.deepEqual(await one!.live.since(figures.at + 1), []);
  });

  test("figures come from the time that is asked for, oldest first, and one a process and a second", async (record) => {
    const [one, other] = await open(record, 2);
    const start = Math.floor(Date.now() / SECOND) * SECOND - 10 * SECOND;
    for (const ms of [0, 1_000, 1_900, 2_500]) {
      await one!.live.put(liveFigures("one", start + ms));
      await other!.live.put(liveFigures("other", start + ms + 50));
    }
    const kept = [["one", 0], ["other", 50], ["one", 1_900], ["other", 1_950], ["one", 2_500], ["other", 2_550]];
    const expected = kept.map(([process, ms]) => [process, start + Number(ms)]);
    assert.deepEqual(placesOf(await one!.live.since(0)), expected);
    assert.deepEqual(placesOf(await other!.live.since(start + 1_950)), expected.slice(3));
  });

  test("figures that are old are removed, and so are those of a time that is far ahead", async (record) => {
    const [one, other] = await open(record, 2);
    const now = Date.now();
    await one!.live.put(liveFigures("one", now));
    await one!.live.put(liveFigures("one", now - LIVE_KEPT_MS - 5 * SECOND));
    await one!.live.put(liveFigures("one", now + LIVE_KEPT_MS + 5 * SECOND));
    await one!.live.put(liveFigures("one", now - LIVE_KEPT_MS + 30 * SECOND));
    await other!.live.put(liveFigures("other", now));
    const left = [["one", now - LIVE_KEPT_MS + 30 * SECOND], ["one", now], ["other", now]];
    assert.deepEqual(placesOf(await one!.live.since(0)), left);
  });

  test("whoever was never told anything has nothing", async (record) => {
    const [one] = await open(record, 1);
    assert.deepEqual(await one!.live.since(0), []);
  });
}
