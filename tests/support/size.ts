/** How large the cases are: short in every run of the tests, long with `USERPIPE_TEST_SIZE=long` (`deno task torture`). */

export const LONG = Deno.env.get("USERPIPE_TEST_SIZE") === "long";

/** The one of the two that goes with the size. */
export function sized<T>(short: T, long: T): T {
  return LONG ? long : short;
}
