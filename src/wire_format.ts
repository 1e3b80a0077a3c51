/**
 * What stands before a value whose writer uses a schema registry, in Confluent's format: a zero byte and the schema's id
 * in four bytes, big endian. A JSON text never begins with a zero byte, so that both kinds are told apart.
 */

/** Before the JSON of such a value. */
export const PREFIX_BYTES = 5;

/** Where the JSON begins. */
export function payloadStart(value: Uint8Array): number {
  return value[0] === 0 ? PREFIX_BYTES : 0;
}

/** The JSON alone; the value itself where nothing stands before it. */
export function payloadOf(value: Uint8Array): Uint8Array {
  return value[0] === 0 ? value.subarray(PREFIX_BYTES) : value;
}

const BRACE = 0x7b;

/** As {@linkcode payloadOf}, but only before an object: other bytes are shown as they are. */
export function shownPayloadOf(value: Uint8Array): Uint8Array {
  return value[PREFIX_BYTES] === BRACE ? payloadOf(value) : value;
}

/** The id of the schema that a value was written by, where it says one. */
export function schemaIdOf(value: Uint8Array): number | undefined {
  if (value[0] !== 0 || value.length < PREFIX_BYTES) return undefined;
  return (value[1]! << 24 | value[2]! << 16 | value[3]! << 8 | value[4]!) >>> 0;
}

/** What stands before each value of that schema. */
export function prefixOf(schemaId: number): Uint8Array {
  const prefix = new Uint8Array(PREFIX_BYTES);
  new DataView(prefix.buffer).setUint32(1, schemaId);
  return prefix;
}
