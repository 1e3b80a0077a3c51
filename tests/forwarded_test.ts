/** Runs whose records waited in the outbox: delivered once all of them were forwarded, by whichever process did it. */
import assert from "node:assert/strict";
import { UserpipeError } from "../src/errors.ts";
import { markForwarded } from "../src/ingest/forwarded.ts";
import { runOnce } from "../src/ingest/run.ts";
import { encoder, withOutbox } from "./support/outbox.ts";
import { ask, hundred, type Rig, TARGET, withRig } from "./support/schedule.ts";

const KAFKA = { ...TARGET, broker: "kafka" as const };

const stateOf = async ({ runs }: Rig, id: string) => {
  const { state, published, outbox, refused } = (await runs.get(id))!;
  return { state, published, outbox, refused };
};
const delivered = { state: "delivered", published: 100, outbox: 0, refused: 0 };

Deno.test("a run is delivered when nothing of it waits any more, also where another process forwards it", () =>
  withRig((rig) =>
    withOutbox(async ({ broker, another }) => {
      const mark = markForwarded(async () => rig.runs);
      const [maker, other] = [another(mark), another(mark)];
      const made = await runOnce(rig.options({ publisher: maker, target: KAFKA }), ask());
      assert.equal(made.state, "to outbox");
      assert.equal((await other.forward({ now: true })).left, 100);
      assert.equal((await rig.runs.get(made.id))!.state, "to outbox", "it is still away");
      broker.away = false;
      assert.equal((await other.forward({ now: true })).forwarded, 100);
      assert.deepEqual(await stateOf(rig, made.id), delivered);
      assert.equal((await rig.runs.get(made.id))!.log.at(-1)!.text, "Forwarded from the outbox: delivered");
    })
  ));

Deno.test("one that is forwarded before it ends is delivered behind its end; one that cannot be marked is marked later", () =>
  withRig((rig) =>
    withOutbox(async ({ broker, another }) => {
      let away = true;
      const maker = another(markForwarded(async () => {
        if (away) throw new UserpipeError("runs-unreachable", "it is away", "wait");
        return rig.runs;
      }));
      rig.gives(async function* () {
        yield 50;
        yield 50;
        await new Promise((resolve) => setTimeout(resolve, 50));
        broker.away = false;
        await maker.forward({ now: true });
      });
      const { id, state } = await runOnce(rig.options({ publisher: maker, target: KAFKA }), ask());
      assert.equal(state, "to outbox");
      await maker.tellEmpty();
      assert.equal((await stateOf(rig, id)).state, "to outbox");
      away = false;
      await maker.tellEmpty();
      assert.deepEqual(await stateOf(rig, id), delivered);
    })
  ));

Deno.test("what the topic does not take of a run is counted as refused, and runs of other topics are left alone", () =>
  withRig((rig) =>
    withOutbox(async ({ broker, another }) => {
      const maker = another(markForwarded(async () => rig.runs));
      rig.gives(hundred);
      const own = await runOnce(rig.options({ publisher: maker, target: KAFKA }), ask());
      const target = { ...KAFKA, topic: "other" };
      const other = await runOnce(rig.options({ publisher: { publish: async () => "outbox" }, target }), ask());
      let large: string | undefined;
      broker.refuses = ({ key }) => (large ??= String(key)) === String(key);
      broker.away = false;
      assert.equal((await maker.forward({ now: true })).refused, 1);
      assert.deepEqual(await stateOf(rig, own.id), { ...delivered, published: 99, refused: 1 });
      assert.equal((await stateOf(rig, other.id)).state, "to outbox");
    })
  ));

Deno.test("entries without a run, and runs that nobody knows, hold nothing up", () =>
  withRig((rig) =>
    withOutbox(async ({ broker, another }) => {
      const outbox = another(markForwarded(async () => rig.runs));
      const message = { key: null, value: encoder.encode("1"), timestamp: 1 };
      const headers = { "userpipe-run": encoder.encode("nobody's") };
      await outbox.publish("t", [{ ...message, headers: {} }, { ...message, headers }]);
      broker.away = false;
      assert.equal((await outbox.forward({ now: true })).forwarded, 2);
    })
  ));
