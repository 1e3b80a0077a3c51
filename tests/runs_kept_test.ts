/** What a process says of its runs: at once, in order, and known to wait where Postgres is away. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { UserpipeError } from "../src/errors.ts";
import { Kept } from "../src/runs/postgres_kept.ts";

/** A record that is away while it is told to be. */
class Record {
  away = false;
  readonly written: number[] = [];

  saying(n: number) {
    return {
      what: `saying ${n}`,
      lines: 1,
      write: async () => {
        if (this.away) throw new UserpipeError("runs-unreachable", "It is away", "Wait");
        this.written.push(n);
        return await Promise.resolve(true);
      },
    };
  }
}

async function afterMicrotasks(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await Promise.resolve();
}

for (const away of [false, true]) {
  const what = away ? "is known to wait" : "is written";
  Deno.test(`whatever is said as the writing before it ends ${what}, and nobody has to ask for it`, async () => {
    for (let later = 0; later < 20; later++) {
      const [kept, record] = [new Kept(), new Record()];
      const first = later % 2 === 0 ? kept.write() : kept.say(record.saying(0));
      await afterMicrotasks(later >> 1);
      record.away = away;
      // A promise that nobody settles ends the test with an error of the runtime's.
      assert.equal(await kept.say(record.saying(1)), true);
      await first;
      assert.equal(kept.isEmpty, !away);
    }
  });
}

Deno.test("whatever is said while it comes and goes is written once, in order, when it is back", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.tuple(fc.boolean(), fc.nat(8)), { maxLength: 30 }), async (plan) => {
    const [kept, record] = [new Kept(), new Record()];
    const said: Promise<boolean>[] = [];
    for (const [n, [away, later]] of plan.entries()) {
      record.away = away;
      said.push(kept.say(record.saying(n)));
      await afterMicrotasks(later);
    }
    assert.ok((await Promise.all(said)).every((taken) => taken));
    record.away = false;
    await kept.write();
    assert.deepEqual(record.written, plan.map((_, n) => n));
    assert.ok(kept.isEmpty);
  }));
});
