/** A hash of short keys: which partition of an embedded topic a message belongs to, and which keys a page has had. */

/**
 * FNV-1a: 32 bits, signed, which V8 keeps without an object of its own. It must never change: the messages of a key would go to
 * another partition and lose their order.
 */
export function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
