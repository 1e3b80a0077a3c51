/**
 * Seeded records in the API's shape, for the demo, the benchmark and the tests. Its own words and random numbers: a
 * library's fakes cost ten times as much a record, and its start-up would be paid by every command.
 */
import { type Random, randomFrom } from "./random.ts";
import { type Nation, NATIONS } from "./words.ts";

const ADJECTIVES = "big|tiny|happy|lazy|angry|silver|golden|purple|ticklish|heavy|organic|crazy".split("|");
const ANIMALS = "panda|ostrich|zebra|goose|swan|koala|elephant|leopard|mouse|tiger|rabbit|wolf".split("|");
const PASSWORDS = "sunshine|dragon7|tomcat|winter|letmein|hockey1|magnum|qwerty12".split("|");
const MALE_TITLES = ["Mr"];
const FEMALE_TITLES = ["Ms", "Mrs", "Miss"];
const TIMEZONES = [
  { offset: "-5:00", description: "Eastern Time (US & Canada), Bogota, Lima" },
  { offset: "0:00", description: "Western Europe Time, London, Lisbon, Casablanca" },
  { offset: "+3:30", description: "Tehran" },
  { offset: "+5:45", description: "Kathmandu" },
];

/** Ages are counted to the start of this year, so that a seed gives the same records in any year. */
const YEAR = 2026;
const NOW = Date.UTC(YEAR, 0, 1);
const DAY_MS = 86_400_000;

/** `count` records; those of a seed are the same each time, and a larger count begins with those of a smaller one. */
export function* generate(seed: string, count: number): Generator<unknown> {
  const random = randomFrom(seed);
  for (let i = 0; i < count; i++) yield user(random, random.pick(NATIONS));
}

function user(random: Random, nation: Nation) {
  const male = random.below(2) === 0;
  const first = random.pick(male ? nation.male : nation.female);
  const last = random.pick(nation.last);
  const portrait = `${male ? "men" : "women"}/${random.below(100)}.jpg`;
  return {
    gender: male ? "male" : "female",
    name: { title: random.pick(male ? MALE_TITLES : FEMALE_TITLES), first, last },
    location: location(random, nation),
    email: `${latin(first, "user")}.${latin(last, String(random.below(10_000)))}@example.com`,
    login: login(random),
    dob: dated(random, 365 * 21, 365 * 80),
    registered: dated(random, 0, 365 * 20),
    phone: filled(random, nation.phone),
    cell: filled(random, nation.phone),
    id: { name: nation.idName, value: nation.id === null ? null : filled(random, nation.id) },
    picture: {
      large: `https://randomuser.me/api/portraits/${portrait}`,
      medium: `https://randomuser.me/api/portraits/med/${portrait}`,
      thumbnail: `https://randomuser.me/api/portraits/thumb/${portrait}`,
    },
    nat: nation.nat,
  };
}

function location(random: Random, nation: Nation) {
  const [city, state] = random.pick(nation.places);
  const postcode = filled(random, nation.postcode);
  return {
    street: { number: 1 + random.below(9_999), name: random.pick(nation.streets) },
    city,
    state,
    country: nation.country,
    postcode: nation.postcodeIsText ? postcode : Number(postcode),
    coordinates: {
      latitude: ((random.below(1_800_000) - 900_000) / 10_000).toFixed(4),
      longitude: ((random.below(3_600_000) - 1_800_000) / 10_000).toFixed(4),
    },
    timezone: random.pick(TIMEZONES),
  };
}

function login(random: Random) {
  // Digits of the right length are all that a reader sees of a hash.
  const digest = hexes(random, 8);
  return {
    uuid: uuid(random),
    username: `${random.pick(ADJECTIVES)}${random.pick(ANIMALS)}${100 + random.below(900)}`,
    password: random.pick(PASSWORDS),
    salt: hex(random),
    md5: digest.slice(0, 32),
    sha1: digest.slice(0, 40),
    sha256: digest,
  };
}

/** A date between so many days before the start of {@linkcode YEAR}, and the whole years since. */
function dated(random: Random, fromDays: number, toDays: number) {
  const ms = NOW - (fromDays + random.below(toDays - fromDays)) * DAY_MS - 1 - random.below(DAY_MS - 1);
  const date = new Date(ms).toISOString();
  return { date, age: YEAR - 1 - Number(date.slice(0, 4)) };
}

function uuid(random: Random): string {
  const [a, b, c, d] = [hex(random), hex(random), hex(random), hex(random)];
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${"89ab"[random.below(4)]}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}

const BYTES = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Eight hexadecimal digits. */
function hex(random: Random): string {
  const bits = random.bits();
  return BYTES[bits >>> 24] + BYTES[(bits >>> 16) & 255] + BYTES[(bits >>> 8) & 255] + BYTES[bits & 255];
}

function hexes(random: Random, words: number): string {
  let digits = "";
  for (let i = 0; i < words; i++) digits += hex(random);
  return digits;
}

/** What each pattern is made of: how many digits, or a text, or `@` for a letter. */
const PARTS = new Map<string, (number | string)[]>();

function partsOf(pattern: string): (number | string)[] {
  let parts = PARTS.get(pattern);
  if (parts === undefined) {
    parts = (pattern.match(/#{1,9}|@|[^#@]+/g) ?? []).map((part) => part[0] === "#" ? part.length : part);
    PARTS.set(pattern, parts);
  }
  return parts;
}

function filled(random: Random, pattern: string): string {
  let text = "";
  for (const part of partsOf(pattern)) {
    if (typeof part === "number") text += String(random.below(10 ** part)).padStart(part, "0");
    else text += part === "@" ? String.fromCharCode(65 + random.below(26)) : part;
  }
  return text;
}

/** The part of an address that a name becomes, as the API writes it: small letters without marks. */
const LATIN = new Map<string, string>();

function latin(name: string, otherwise: string): string {
  let letters = LATIN.get(name);
  if (letters === undefined) {
    letters = name.normalize("NFD").toLowerCase().replace(/[^a-z]/g, "");
    LATIN.set(name, letters);
  }
  return letters === "" ? otherwise : letters;
}
