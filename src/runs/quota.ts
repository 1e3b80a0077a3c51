/** The quota of an address: a window that slides over what was asked of it. */
import type { QuotaLimit } from "./runs.ts";

export interface Reservation {
  /** In ms since the epoch. */
  at: number;
  records: number;
}

export const usedOf = (reservations: readonly Reservation[]): number =>
  reservations.reduce((sum, { records }) => sum + records, 0);

/**
 * When `records` may be fetched: null is now. More than the limit count as the limit, since they would never fit.
 * @param reservations those of the window that ends now, oldest first
 */
export function mayFetchAt(
  reservations: readonly Reservation[],
  records: number,
  { records: most, windowMs }: QuotaLimit,
): number | null {
  let over = usedOf(reservations) + Math.min(records, most) - most;
  if (over <= 0) return null;
  for (const { at, records } of reservations) {
    over -= records;
    if (over <= 0) return at + windowMs;
  }
  return null;
}
