/**
 * Records in the RandomUser API's shape, written by hand: plain ones and the awkward kinds that the API gives.
 */

/** A record of the API as JSON; tests change single fields of it. */
export interface ApiRecord {
  gender: unknown;
  name: Record<string, unknown>;
  location: Record<string, unknown> & { street: Record<string, unknown> };
  email: unknown;
  login: Record<string, unknown>;
  dob: Record<string, unknown>;
  registered: Record<string, unknown>;
  phone: unknown;
  cell: unknown;
  id: Record<string, unknown>;
  picture: Record<string, unknown>;
  nat: unknown;
}

/** Another record at each call; the same `n` gives the same one. */
export function record(n = 1): ApiRecord {
  const tail = n.toString(16).padStart(12, "0");
  return {
    gender: "female",
    name: { title: "Dr", first: `Ada${n}`, last: "Beispiel" },
    location: {
      street: { number: 12, name: "Musterweg" },
      city: "Probstadt",
      state: "Testland",
      country: "Nowhere",
      postcode: 12345,
      coordinates: { latitude: "1.0000", longitude: "-2.0000" },
      timezone: { offset: "0:00", description: "Western Europe Time, London, Lisbon, Casablanca" },
    },
    email: `ada${n}.beispiel@example.com`,
    login: {
      uuid: `0f0e0d0c-0b0a-4908-8706-${tail}`,
      username: `quietheron${n}`,
      password: "secret",
      salt: "pepper",
      md5: "00",
      sha1: "00",
      sha256: "00",
    },
    dob: { date: "1980-02-29T23:59:59.999Z", age: 46 },
    registered: { date: "2010-01-01T00:00:00.000Z", age: 16 },
    phone: "000-0000",
    cell: "111-1111",
    id: { name: "", value: null },
    picture: {
      large: "https://example.com/portraits/large.jpg",
      medium: "https://example.com/portraits/medium.jpg",
      thumbnail: "https://example.com/portraits/thumbnail.jpg",
    },
    nat: "XX",
  };
}

/** `count` different plain records. */
export function records(count: number): ApiRecord[] {
  return Array.from({ length: count }, (_, i) => record(i + 1));
}

/** A plain record after `change`. */
export function changed(change: (record: ApiRecord) => void, n = 1): ApiRecord {
  const made = record(n);
  change(made);
  return made;
}

/** One record of each awkward kind, each with an id of its own. */
export const AWKWARD = {
  "a postcode that is a number": changed((r) => r.location.postcode = 4051, 101),
  "a postcode that is text with a space": changed((r) => r.location.postcode = "ZZ9 9XX", 102),
  "a postcode with leading zeros": changed((r) => r.location.postcode = "0042", 103),
  "no value in its national id": changed((r) => r.id = { name: "", value: null }, 104),
  "stray spaces": changed((r) => {
    r.name.first = " Inga  Lill ";
    r.location.city = "Nordby ";
    r.location.street.name = "  Ved Kanalen";
  }, 105),
  "zero-width characters": changed((r) => {
    r.location.city = "نمونه\u200cشهر";
    r.name.last = "A\u200bB\u200d\ufeff";
  }, 106),
  "Arabic script": changed((r) => {
    r.name = { title: "Mrs", first: "نازنین", last: "آزمایشی" };
    r.location.street = { number: 7, name: "کوچه ۱۲ شرقی" };
    r.location.state = "استان نمونه";
  }, 107),
  "a phone with letters": changed((r) => r.phone = "(050) Q12-0000", 108),
  "letters in both normal forms": changed((r) => {
    r.name.first = "Zoe\u0301";
    r.name.last = "Zo\u00e9";
  }, 109),
  "an id in capitals": changed((r) => r.login.uuid = "0F0E0D0C-0B0A-4908-8706-ABCDEF00006E", 110),
  "empty texts": changed((r) => {
    r.name.last = "";
    r.location.state = "";
  }, 111),
  "a NUL, quotes, a line break and an emoji": changed((r) => r.name.last = `a\u0000"'\\\n😀`, 112),
} as const;
