/** How much memory a process of the tests takes. */

/** Samples the largest resident memory of a process, until it is disposed of. Without a /proc it stays 0. */
export function peakOf(pid: number): Disposable & { readonly mb: number } {
  let mb = 0;
  const sample = () => {
    try {
      mb = Number(/VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1] ?? mb * 1024) / 1024;
    } catch (error) {
      // It has ended.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  const timer = setInterval(sample, 20);
  return {
    get mb() {
      return mb;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
