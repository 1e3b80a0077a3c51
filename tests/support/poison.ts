/** Records that the stream refuses, each in its own way, and records that look odd and are rows all the same. */
import type { Message } from "../../src/broker/broker.ts";
import { users } from "../../src/users/pipeline.ts";
import { valueOf } from "./results.ts";

const encoder = new TextEncoder();

/** An event as it goes to the topic, as an object to change. */
export type Event = Record<string, unknown> & { id: string };

/** The events of a seed, as the program makes them. */
export function eventsOf(seed: string, count: number): Event[] {
  const events: Event[] = [];
  for (const raw of users.generate(seed, count)) {
    events.push({ ...users.normalise(valueOf(users.check(raw))) as Event });
  }
  return events;
}

/** The message of an event. */
export function messageOf(event: Event, more: Partial<Message> = {}): Message {
  const value = encoder.encode(JSON.stringify(event));
  return { key: encoder.encode(event.id), value, headers: {}, timestamp: Date.now(), ...more };
}

/** The largest value that a topic with Kafka's own limit (1,048,588 bytes a batch) takes beside a key. */
const LARGE = 1_048_588 - 200;
const YEAR_MS = 366 * 86_400_000;

/** Each way to be refused: what becomes of a message, and the reason. */
export const POISON: Record<string, { make: (event: Event) => Partial<Message>; reason: RegExp }> = {
  "not JSON": { make: (e) => ({ value: encoder.encode(`{"id": ${e.id}`) }), reason: /^not JSON: / },
  "JSON but not an object": { make: () => ({ value: encoder.encode("[1]") }), reason: /^not a JSON object$/ },
  "no id": { make: ({ id: _, ...rest }) => json(rest), reason: /^id: missing/ },
  "an id that is not a UUID": { make: (e) => json({ ...e, id: "7" }), reason: /^id: not a UUID/ },
  "a number for a string": { make: (e) => json({ ...e, email: 7 }), reason: /^email: .*a string/ },
  "not UTF-8": { make: (e) => ({ value: spoiled(e) }), reason: /^not UTF-8$/ },
  "a lone surrogate": { make: (e) => json({ ...e, phone: "\ud800" }), reason: /^phone: a lone surrogate/ },
  "as large as the topic takes": { make: () => ({ value: new Uint8Array(LARGE).fill(0x78) }), reason: /^not JSON: / },
  "an empty value": { make: () => ({ value: new Uint8Array() }), reason: /^empty value$/ },
  "a null value": { make: () => ({ value: null }), reason: /^the value is null/ },
  "a timestamp of next year": {
    make: () => ({ timestamp: Date.now() + YEAR_MS }),
    reason: /^the timestamp is more than a day ahead$/,
  },
};

/** Each way to be odd and a row. */
export const ODD: Record<string, (event: Event) => Partial<Message>> = {
  "no key": () => ({ key: null }),
  "a key that is not the id": () => ({ key: encoder.encode("somebody") }),
  "a header that is not text": () => ({ headers: { mine: new Uint8Array([255, 254, 0, 1]) } }),
  "a number as post_code": (e) => json({ ...e, post_code: 4051 }),
  "an unknown field": (e) => json({ ...e, shoe_size: 42 }),
  "larger than a batch may be": (e) => json({ ...e, address: "ä".repeat(40_000) }),
};

function json(event: Record<string, unknown>): Partial<Message> {
  return { value: encoder.encode(JSON.stringify(event)) };
}

/** The event with a byte in it that no UTF-8 text has. */
function spoiled(event: Event): Uint8Array {
  const bytes = encoder.encode(JSON.stringify({ ...event, phone: "#" }));
  bytes[bytes.lastIndexOf("#".charCodeAt(0))] = 0xff;
  return bytes;
}
