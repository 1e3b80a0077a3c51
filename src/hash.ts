/** A hash of short keys: which partition of an embedded topic a message belongs to, and which keys were seen before. */

/**
 * FNV-1a of the bytes from `start` to before `end`: 32 bits, signed, which V8 keeps without an object of its own. It must never change:
 * the messages of a key would go to another partition and lose their order.
 */
export function hashOf(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
