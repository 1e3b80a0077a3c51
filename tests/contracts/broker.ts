/**
 * The broker contract: what holds for every adapter of the broker port, as tests that take a factory.
 * Names of topics and groups are new in every run, so that it can run against a broker that lives on.
 */
import type { Opened } from "./broker_kit.ts";
import { groupTests } from "./broker_groups.ts";
import { logTests } from "./broker_log.ts";

export type { Opened } from "./broker_kit.ts";

/** One test of the contract: its sentence and what it does with a broker of its own. */
export type ContractTest = [sentence: string, run: (opened: Opened) => Promise<void>];

export interface ContractOptions {
  /** Why the tests are skipped, where they are. */
  ignore?: string;
  /** Only the tests whose sentence is like this. */
  only?: RegExp;
  /** Tests that only this adapter can have. */
  extra?: readonly ContractTest[];
}

/** Registers the contract's tests for one adapter. Each opens a broker and closes it. */
export function brokerContract(name: string, open: () => Promise<Opened>, options: ContractOptions = {}): void {
  for (const [sentence, run] of [...logTests, ...groupTests, ...options.extra ?? []]) {
    if (options.only?.test(sentence) === false) continue;
    Deno.test({
      name: `${name}: ${sentence}${options.ignore === undefined ? "" : ` (skipped: ${options.ignore})`}`,
      ignore: options.ignore !== undefined,
      fn: async () => {
        const opened = await open();
        try {
          await run(opened);
        } finally {
          await opened.close();
        }
      },
    });
  }
}
