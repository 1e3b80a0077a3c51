/** The contract of the runs port, for whichever adapter the factory opens: all suites in one. */
import { claims } from "./runs_claims.ts";
import { type RunsFactory, testsOf } from "./runs_kit.ts";
import { leads } from "./runs_leads.ts";
import { life } from "./runs_life.ts";
import { live } from "./runs_live.ts";
import { looks } from "./runs_looks.ts";
import { prunes } from "./runs_prunes.ts";
import { queues } from "./runs_queues.ts";
import { quotas } from "./runs_quotas.ts";
import { ticks } from "./runs_ticks.ts";

/** Declares the tests; each makes a record of its own with `factory`. @param name of the adapter, for the tests' names */
export function runsContract(name: string, factory: RunsFactory): void {
  const test = testsOf(name, factory);
  for (const suite of [life, claims, queues, leads, ticks, quotas, looks, live, prunes]) suite(test);
}
