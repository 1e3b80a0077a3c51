/**
 * Looks at the components for `doctor`, those across a network side by side: what each finds, within a limit of time, with
 * its clock compared to ours. Nothing that a component does ends the others.
 */
import { sleep } from "../backoff.ts";
import { type Clock, type Finding, messageOf, UserpipeError } from "../errors.ts";

/** Something to look at: an end, or the data folder. */
export interface Component {
  /** `source`, `broker`, `store`, `data folder`. */
  name: string;
  /** Whether it is across a network. The others read files, and nothing else goes on while they do. */
  remote: boolean;
  /** Opens it and says what is found. @throws {UserpipeError} where it cannot be opened, which is a finding */
  look(): AsyncIterable<Finding>;
}

export type ComponentFinding = Finding & { component: string };

/** For closing what did not answer. */
const AFTER_MS = 1_000;

/**
 * In the order of the components.
 * @param limitMs for each component
 * @param stop ends it with what was found so far
 * @param waits is told whom it waits for, whenever that changes
 */
export async function* diagnose(
  components: readonly Component[],
  { limitMs, stop, waits }: { limitMs: number; stop: AbortSignal; waits: (names: readonly string[]) => void },
): AsyncGenerator<ComponentFinding> {
  const away = components.filter(({ remote }) => remote);
  const open = new Set(away.map(({ name }) => name));
  const begun = new Map(away.map((component) => {
    const found = Array.fromAsync(findingsOf(component, limitMs, stop));
    found.finally(() => open.delete(component.name) && waits([...open])).catch(() => {});
    return [component, found];
  }));
  waits([...open]);
  for (const component of components) {
    const found = begun.get(component);
    if (found !== undefined) {
      yield* await found;
      continue;
    }
    // Their limits of time would run out unheard.
    await Promise.all(begun.values());
    if (stop.aborted) continue;
    waits([component.name]);
    yield* findingsOf(component, limitMs, stop);
  }
}

async function* findingsOf({ name, look }: Component, limitMs: number, stop: AbortSignal) {
  for await (const finding of bounded(look(), limitMs, stop)) {
    yield { ...finding, component: name };
    if (finding.clock !== undefined) yield { ...clockFinding(finding.clock), component: name };
  }
}

/** The findings of one component; what it throws is one too. */
async function* bounded(findings: AsyncIterable<Finding>, limitMs: number, stop: AbortSignal): AsyncGenerator<Finding> {
  const iterator = findings[Symbol.asyncIterator]();
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), limitMs);
  const either = AbortSignal.any([over.signal, stop]);
  try {
    while (true) {
      const next = await before(iterator.next(), either);
      if (next === undefined) {
        if (over.signal.aborted) yield tooSlow(limitMs);
        return;
      }
      if (next.done) return;
      yield next.value;
    }
  } catch (error) {
    yield thrown(error);
  } finally {
    clearTimeout(timer);
    await closed(iterator);
  }
}

/** Lets a component close what it opened; one that still waits for an answer is left alone. */
async function closed(iterator: AsyncIterator<Finding>): Promise<void> {
  const done = new AbortController();
  const closing = Promise.resolve(iterator.return?.()).catch(() => {}).finally(() => done.abort());
  await Promise.race([closing, sleep(AFTER_MS, done.signal)]);
}

/** What `promise` gives, or nothing once `signal` is aborted. */
function before<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const end = () => resolve(undefined);
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", end));
  });
}

function tooSlow(limitMs: number): Finding {
  return {
    what: "time",
    state: "fail",
    detail: `It did not say all within ${limitMs / 1000} s`,
    hint: "Look whether it hangs or is overloaded, and whether something between here and there holds the answers up",
  };
}

function thrown(error: unknown): Finding {
  if (error instanceof UserpipeError) {
    return { what: "settings", state: "fail", detail: error.message, hint: error.hint };
  }
  const hint = "This is a defect of userpipe: please report it";
  return { what: "doctor", state: "fail", detail: `Could not look at it: ${messageOf(error)}`, hint };
}

/** A network's delay and a clock that nobody sets stay below this. */
const FEW_SECONDS_MS = 5_000;
/** A record whose time is further ahead than this is a dead letter. */
const DAY_MS = 86_400_000;
const HINT = "Set both by the network (NTP): of two records of one id the one with the later time stays";

/** What the difference of two clocks means. */
export function clockFinding({ of, aheadMs, uncertainMs }: Clock): Finding {
  const what = "clock";
  const least = Math.max(0, Math.abs(aheadMs) - uncertainMs);
  if (least <= FEW_SECONDS_MS) {
    const most = ((Math.abs(aheadMs) + uncertainMs) / 1000).toFixed(1);
    return { what, state: "ok", detail: `within ${most} s of that of ${of}` };
  }
  const detail = `The clock of this machine is ${timeText(least)} ${aheadMs > 0 ? "ahead of" : "behind"} that of ${of}`;
  if (least <= DAY_MS) return { what, state: "warn", detail, hint: HINT };
  const dead = aheadMs > 0
    ? "what is published here is a dead letter elsewhere"
    : "what was published elsewhere is a dead letter here";
  return { what, state: "fail", detail: `${detail}: ${dead}`, hint: HINT };
}

function timeText(ms: number): string {
  if (ms > DAY_MS) return `${(ms / DAY_MS).toFixed(1)} days`;
  return ms > 120_000 ? `${Math.round(ms / 60_000)} minutes` : `${Math.round(ms / 1000)} s`;
}
