/** What a row must be, worked out from the API's record by plain rules that share no code with the program. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../tools/build/options.ts";
import type { ApiRecord } from "./records.ts";

const DATA = join(ROOT, "..", "shared", "data", "randomuser.json");

/** The 1,054 recorded ones where they are, or why not. */
export function realRecords(): ApiRecord[] | { missing: string } {
  if (!existsSync(DATA)) return { missing: `there is no ${DATA}` };
  return JSON.parse(Deno.readTextFileSync(DATA));
}

/** The row of a record, by column. */
export function expectedRow(record: ApiRecord): Record<string, string> {
  // deno-lint-ignore no-explicit-any
  const r = record as any;
  const { street, city, state, country, postcode } = r.location;
  return {
    id: r.login.uuid.toLowerCase(),
    first_name: r.name.first,
    last_name: r.name.last,
    gender: r.gender,
    address: street.number + " " + street.name + ", " + city + ", " + state + ", " + country,
    post_code: "" + postcode,
    email: r.email,
    username: r.login.username,
    dob: r.dob.date,
    registered_date: r.registered.date,
    phone: r.phone,
    picture: r.picture.medium,
  };
}
