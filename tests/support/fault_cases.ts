/** Registers the cases of the fault suite: on the embedded ends, or on the real ones where they are there. */
import { withFolder } from "./cli.ts";
import { cassandraEnds, type Ends, kafkaEnds } from "./ends.ts";
import { type Outcome, reported } from "./fault_report.ts";
import { Rig } from "./rig.ts";
import { type Services, serviceTest } from "./services.ts";

export const EMBEDDED = "embedded";
export const REAL = "Kafka and Cassandra";
export type WhichEnds = typeof EMBEDDED | typeof REAL;

export interface FaultCase {
  /** What is done, in a few words. */
  fault: string;
  ends: WhichEnds;
  /** What is done, what has to come of it, and what did. */
  work: (rig: Rig) => Promise<Outcome>;
}

/** The case on both pairs of ends. */
export function onBoth(fault: string, work: FaultCase["work"]): FaultCase[] {
  return [{ fault, ends: EMBEDDED, work }, { fault, ends: REAL, work }];
}

/** Registers the cases as one test for each pair of ends, `atOnce` of them under way: most of their time is waiting. */
export function faultTests(suite: string, cases: readonly FaultCase[], { atOnce = 1 } = {}): void {
  const of = (which: WhichEnds) => cases.filter(({ ends }) => ends === which);
  const [embedded, real] = [of(EMBEDDED), of(REAL)];
  if (embedded.length > 0) {
    Deno.test(`${suite}, on the embedded ends`, (context) => runAll(context, suite, embedded, () => ({}), atOnce));
  }
  if (real.length > 0) {
    serviceTest(
      `${suite}, on ${REAL}`,
      (services, context) => runAll(context, suite, real, () => realEnds(services), atOnce),
    );
  }
}

async function runAll(
  context: Deno.TestContext,
  suite: string,
  cases: readonly FaultCase[],
  envOf: () => Ends,
  atOnce: number,
): Promise<void> {
  const left = [...cases];
  const lane = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const { fault, ends, work } = next;
      await context.step({
        name: fault,
        // Steps at once cannot be told apart by what they leave open; the test around them can.
        sanitizeOps: false,
        sanitizeResources: false,
        sanitizeExit: false,
        fn: () => withFolder((cwd) => reported({ suite, fault, ends }, () => work(new Rig(cwd, envOf())))),
      });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

export function realEnds({ brokers, contactPoints }: Services): Ends {
  return { ...kafkaEnds(brokers), ...cassandraEnds(contactPoints) };
}
