/** Text of a record, an answer or an address as it may be shown: it is data, and must not steer a terminal. */

// deno-lint-ignore no-control-regex
const STEERING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** The text with control and direction characters escaped, line ends too: `\u001b`. JSON stays the same JSON. */
export function shown(text: string): string {
  return text.replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** As {@linkcode shown}, of a message with lines of its own: each begins with two spaces, and any other line end is data. */
export function shownLines(message: string): string {
  return message.split(OWN_LINE).map(shown).join(OWN_LINE);
}

const OWN_LINE = "\n  ";
