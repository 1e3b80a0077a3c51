/** How long records took of late, from the source to the topic and from there to the table, as the page's strip shows it. */
import type { Quantiles } from "../../live.ts";
import type { Way } from "../page/types.ts";
import { FRESHNESS, type Freshness, type LiveProcess } from "./live_window.ts";

/** While no record comes it is that of the last ones. @param all those that are gone too */
export function freshnessOf(living: readonly LiveProcess[], all: readonly LiveProcess[]): Way["freshness"] {
  const of = (which: Freshness) => {
    const now = over(living.map(({ newest }) => newest.stream?.[which]));
    return now.count > 0 ? now : lastOf(all, which) ?? now;
  };
  const [fetchedToPublished, publishedToTable] = FRESHNESS.map(of) as [Quantiles, Quantiles];
  return { fetchedToPublished, publishedToTable };
}

function lastOf(all: readonly LiveProcess[], which: Freshness): Quantiles | undefined {
  const known = all.map(({ fresh }) => fresh[which]).filter((last) => last !== undefined);
  return known.sort((a, b) => b.at - a.at)[0]?.quantiles;
}

/** Over several processes: the middle is weighed by how many each has, and the worst share is that of the worst. */
function over(each: readonly (Quantiles | undefined)[]): Quantiles {
  const those = each.filter((of) => of !== undefined && of.count > 0) as Quantiles[];
  const count = those.reduce((sum, of) => sum + of.count, 0);
  if (count === 0) return { count: 0, p50: null, p99: null };
  return {
    count,
    p50: those.reduce((sum, of) => sum + of.p50! * of.count, 0) / count,
    p99: Math.max(...those.map(({ p99 }) => p99!)),
  };
}
