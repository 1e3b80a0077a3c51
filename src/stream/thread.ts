/** A worker thread of the stream seen from the main one: started for one task, told when to end, and ended with its answer. */
import { UserpipeError } from "../errors.ts";
import type { FromWorker, Task, ToWorker } from "./messages.ts";

export interface ThreadOptions {
  /** What the thread may do; paths are absolute. */
  permissions: Deno.PermissionOptionsObject;
  /** Drains and ends. */
  stop: AbortSignal;
  /** Ends at once. */
  abort: AbortSignal;
}

/** What a worker says of how its task went. */
type Answer = Exclude<FromWorker, { type: "failed" | "defect" }>;

/**
 * Resolves with what `hear` makes of an answer, once that is something.
 * @throws {UserpipeError} what the worker failed with
 */
export async function inThread<T>(
  task: Task,
  { permissions, stop, abort }: ThreadOptions,
  hear: (answer: Answer) => { result: T } | undefined,
): Promise<T> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "stream",
    deno: { permissions },
  });
  const say = (message: ToWorker) => worker.postMessage(message);
  const onStop = () => say({ type: "stop" });
  const onAbort = () => say({ type: "abort" });
  try {
    return await new Promise<T>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.type === "failed") return reject(UserpipeError.fromPlain(data.error));
        if (data.type === "defect") return reject(defect(data.stack));
        const heard = hear(data);
        if (heard !== undefined) resolve(heard.result);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(defect(event.message));
      };
      say(task);
      if (stop.aborted) onStop();
      stop.addEventListener("abort", onStop);
      abort.addEventListener("abort", onAbort);
    });
  } finally {
    stop.removeEventListener("abort", onStop);
    abort.removeEventListener("abort", onAbort);
    worker.terminate();
  }
}

function defect(stack: string): UserpipeError {
  return new UserpipeError(
    "worker",
    `The stream's worker ended: ${stack}`,
    "This is a defect of userpipe: nothing is lost, please report it with the lines above",
  );
}
