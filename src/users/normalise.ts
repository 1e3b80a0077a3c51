/** The API's record as the event: every text exactly as it was given, but for the letters of the id. Pure. */
import type { CreatedUser } from "./created_user.ts";
import type { RandomUser } from "./random_user.ts";

export function normalise(user: RandomUser): CreatedUser {
  const { street, city, state, country, postcode } = user.location;
  return {
    id: user.login.uuid.toLowerCase(),
    first_name: user.name.first,
    last_name: user.name.last,
    gender: user.gender,
    address: `${street.number} ${street.name}, ${city}, ${state}, ${country}`,
    post_code: String(postcode),
    email: user.email,
    username: user.login.username,
    dob: user.dob.date,
    registered_date: user.registered.date,
    phone: user.phone,
    picture: user.picture.medium,
  };
}
