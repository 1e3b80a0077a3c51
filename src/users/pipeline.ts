/** The pipeline of users: the RandomUser API to `users_created` to `spark_streams.created_users`. */
import type { Facet, Pipeline } from "../pipeline.ts";
import {
  type CreatedUser,
  decode,
  encode,
  jsonSchema,
  SCHEMA_VERSION,
  TABLE,
  TOPIC,
  toValues,
} from "./created_user.ts";
import { generate } from "./generate.ts";
import { normalise } from "./normalise.ts";
import {
  checkRandomUser,
  MAX_RESULTS,
  QUOTA,
  type RandomUser,
  requestUsers,
  seedOfUsers,
  unwrapUsers,
} from "./random_user.ts";

const YEAR_MS = 365.2425 * 86_400_000;

/** The decade of an age at `now` (ms), for example `30-39`; `unknown` without a date of birth. */
export function ageGroup(dob: string | null, now: number): string {
  const born = dob === null ? NaN : Date.parse(dob);
  const decade = Math.floor((now - born) / YEAR_MS / 10) * 10;
  return decade >= 0 ? `${decade}-${decade + 9}` : "unknown";
}

const facets: readonly Facet<CreatedUser>[] = [
  // The address ends in the country, and no country of the API has a comma in its name.
  { name: "country", of: (user) => user.address.split(", ").at(-1) || "unknown" },
  { name: "gender", of: (user) => user.gender },
  { name: "age", of: (user) => ageGroup(user.dob, Date.now()) },
];

export const users: Pipeline<RandomUser, CreatedUser> = {
  name: "users",
  noun: "user",
  topic: TOPIC,
  table: TABLE,
  glance: ["id", "first_name", "last_name", "gender", "post_code"],
  maxResults: MAX_RESULTS,
  quota: QUOTA,
  schemaVersion: SCHEMA_VERSION,
  jsonSchema,
  request: requestUsers,
  unwrap: unwrapUsers,
  seedOf: seedOfUsers,
  check: checkRandomUser,
  normalise,
  generate,
  key: (event) => event.id,
  encode,
  decode,
  toValues,
  plain: true,
  facets,
};
