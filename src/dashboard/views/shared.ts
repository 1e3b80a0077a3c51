/** What the views of one server share, so that many clients cost as much as one: a look at the ends, and the live figures. */
import { seldom, type SeldomOptions } from "../../query/seldom.ts";
import { type Status, statusOf } from "../../query/status.ts";
import type { ApiDeps } from "../deps.ts";
import { LiveWindow } from "./live_window.ts";

/** For each part of a look: an end that is away does not keep the others from being shown. */
const LIMIT_MS = 3_000;
/** A look is that of all who ask within this time, in ms. */
const FRESH_MS = 500;
/** One that takes long is waited for so long, in ms, before the one before it is shown. */
const PATIENCE_MS = 400;
/** A count that goes on longer, in ms, is told when it is done. */
const COUNT_LIMIT_MS = 100;
/** Rows and dead letters, where they are many, are counted no sooner than so many times as long as it took: a page may be open all day. */
const REST = 50;

/** What is made once for a server, when it is first asked for. */
export function perServer<T>(make: (deps: ApiDeps) => T): (deps: ApiDeps) => T {
  const made = new WeakMap<ApiDeps, { value: T }>();
  return (deps) => {
    let known = made.get(deps);
    if (known === undefined) made.set(deps, known = { value: make(deps) });
    return known.value;
  };
}

/** Answers of one kind that are held: of more the oldest goes. */
const MOST_HELD = 8;

/** The same answer for all who ask for the same within a time, or while it is worked out. */
export function sharedBy<Of extends string | number, T>(
  work: (deps: ApiDeps, of: Of) => Promise<T>,
  options: SeldomOptions<T>,
): (deps: ApiDeps, of: Of) => Promise<T> {
  const answers = perServer(() => new Map<Of, () => Promise<T>>());
  return async (deps, of) => {
    const held = answers(deps);
    const ask = held.get(of) ?? seldom(() => work(deps, of), options);
    held.delete(of);
    held.set(of, ask);
    if (held.size > MOST_HELD) held.delete(held.keys().next().value!);
    return await ask();
  };
}

const looks = perServer((deps) => {
  const { ends, names, settings, target } = deps;
  let look: (() => Promise<Status>) | undefined;
  return seldom(async () => {
    look ??= statusOf({
      ...{ broker: await ends.broker(), store: await ends.store(), runs: ends.runs, outbox: ends.outbox },
      registry: await ends.registry(),
      ...{ topic: names.topic, deadLetterTopic: names.deadLetterTopic, group: settings.group },
      ...{ target, limitMs: LIMIT_MS, countLimitMs: COUNT_LIMIT_MS, rest: REST },
    });
    return await look();
  }, { restMs: FRESH_MS, patienceMs: PATIENCE_MS });
});

/** What `status` has. */
export async function statusNow(deps: ApiDeps): Promise<Status> {
  return await looks(deps)();
}

/** Of the processes that work on this topic; a stream counts where it is of this group and into this table. */
export const liveWindow = perServer(({ ends, names, settings: { group }, target }) => {
  const table = `${names.table.keyspace}.${names.table.name}`;
  const record = async () => (await ends.runs()).live;
  return new LiveWindow(record, (figures) => {
    const { pipeline, broker, topic, ...other } = figures.ends;
    if (pipeline !== target.pipeline || broker !== target.broker || topic !== target.topic) return undefined;
    return other.group === group && other.table === table ? figures : { ...figures, stream: undefined };
  });
});
