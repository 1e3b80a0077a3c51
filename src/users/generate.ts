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

/** Texts are put together of ready pieces: numbers in digits, days, times. A text made of a number costs ten times as much. */
const padded = (count: number, digits: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => String(n).padStart(digits, "0"));

/** Every number of so many digits, from none to four. */
const DIGITS: (readonly string[])[] = [];
const LETTERS = Array.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
const MINUTES: string[] = [];
/** Seconds and their thousandths, to the end of a time. */
const SECONDS: string[] = [];
const HEX: string[] = [];
/** The two groups of a UUID that say its version and its variant, with the dashes around them. */
const VERSIONS: string[] = [];
const VARIANTS: string[] = [];

/** Made by the first record: what makes none need not hold some megabytes of them. */
function makePieces(): void {
  if (HEX.length > 0) return;
  for (let digits = 0; digits < 5; digits++) DIGITS.push(padded(10 ** digits, digits));
  for (let n = 0; n < 24 * 60; n++) MINUTES.push(`${DIGITS[2]![Math.floor(n / 60)]}:${DIGITS[2]![n % 60]}:`);
  for (let n = 0; n < 60_000; n++) SECONDS.push(`${DIGITS[2]![Math.floor(n / 1_000)]}.${DIGITS[3]![n % 1_000]}Z`);
  for (let n = 0; n < 65_536; n++) HEX.push(n.toString(16).padStart(4, "0"));
  for (let n = 0; n < 0x1000; n++) VERSIONS.push(`-${HEX[0x4000 | n]}-`);
  for (let n = 0; n < 0x4000; n++) VARIANTS.push(`${HEX[0x8000 | n]}-`);
}

/** Hashes are cut out of this many digits: that they look like one is all that a reader sees of them. */
const HASH_DIGITS = 2_048;

/** Records that are made of random numbers of their own, so that none before them need be made. */
const BLOCK = 1_000;

/**
 * The records of a seed from the one at `from` on: the same each time, and a larger count begins with those of a smaller
 * one.
 */
export function* generate(seed: string, count: number, from = 0): Generator<unknown> {
  makePieces();
  for (let at = from - from % BLOCK; at < from + count; at += BLOCK) {
    const random = randomFrom(`${seed}/${at}`);
    let hashes = "";
    while (hashes.length < HASH_DIGITS) hashes += hex(random);
    for (let n = at; n < Math.min(at + BLOCK, from + count); n++) {
      const record = user(random, random.pick(NATIONS), hashes);
      if (n >= from) yield record;
    }
  }
}

function user(random: Random, nation: Nation, hashes: string) {
  const male = random.below(2) === 0;
  const first = random.pick(male ? nation.male : nation.female);
  const last = random.pick(nation.last);
  const portrait = `${male ? "men" : "women"}/${random.below(100)}.jpg`;
  return {
    gender: male ? "male" : "female",
    name: { title: random.pick(male ? MALE_TITLES : FEMALE_TITLES), first, last },
    location: location(random, nation),
    email: `${latin(first, "user")}.${latin(last, String(random.below(10_000)))}@example.com`,
    login: login(random, hashes),
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
      latitude: degrees(random, 90),
      longitude: degrees(random, 180),
    },
    timezone: random.pick(TIMEZONES),
  };
}

function degrees(random: Random, most: number): string {
  return `${random.below(2 * most) - most}.${random.pick(DIGITS[4]!)}`;
}

function login(random: Random, hashes: string) {
  const from = random.below(HASH_DIGITS - 64);
  const hash = (digits: number) => hashes.slice(from, from + digits);
  return {
    uuid: uuid(random),
    username: `${random.pick(ADJECTIVES)}${random.pick(ANIMALS)}${100 + random.below(900)}`,
    password: random.pick(PASSWORDS),
    salt: hash(8),
    md5: hash(32),
    sha1: hash(40),
    sha256: hash(64),
  };
}

/** By the days before the start of {@linkcode YEAR}, with the whole years since. */
const DAYS: { date: string; age: number }[] = [];

function dayBefore(days: number): { date: string; age: number } {
  const date = new Date(NOW - days * DAY_MS).toISOString().slice(0, 11);
  return DAYS[days] = { date, age: YEAR - 1 - Number(date.slice(0, 4)) };
}

/** A date between so many days before the start of {@linkcode YEAR}, and the whole years since. */
function dated(random: Random, fromDays: number, toDays: number) {
  const days = 1 + fromDays + random.below(toDays - fromDays);
  const { date, age } = DAYS[days] ?? dayBefore(days);
  const second = random.below(60);
  return { date: `${date}${random.pick(MINUTES)}${SECONDS[second * 1_000 + random.below(1_000)]}`, age };
}

function uuid(random: Random): string {
  const [a, b, c, d] = [random.bits(), random.bits(), random.bits(), random.bits()];
  const [version, variant] = [VERSIONS[b & 0xfff], VARIANTS[c & 0x3fff]];
  return `${HEX[a >>> 16]}${HEX[a & 0xffff]}-${HEX[b >>> 16]}${version}${variant}${HEX[c >>> 16]}${HEX[d >>> 16]}${
    HEX[d & 0xffff]
  }`;
}

/** Eight hexadecimal digits. */
function hex(random: Random): string {
  const bits = random.bits();
  return HEX[bits >>> 16]! + HEX[bits & 0xffff];
}

/** What each pattern is made of: texts, and lists to pick from. */
const PARTS = new Map<string, (string | readonly string[])[]>();

function partsOf(pattern: string): (string | readonly string[])[] {
  let parts = PARTS.get(pattern);
  if (parts === undefined) {
    parts = (pattern.match(/#{1,4}|@|[^#@]+/g) ?? []).map((part) =>
      part === "@" ? LETTERS : part[0] === "#" ? DIGITS[part.length]! : part
    );
    PARTS.set(pattern, parts);
  }
  return parts;
}

function filled(random: Random, pattern: string): string {
  let text = "";
  for (const part of partsOf(pattern)) text += typeof part === "string" ? part : random.pick(part);
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
