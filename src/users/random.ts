/** A small seeded generator of random numbers (sfc32, 128 bits of state), so that a seed gives the same records again. */

export interface Random {
  /** A whole number from 0 to 2^32 − 1. */
  bits(): number;
  /** A whole number from 0 to `end` − 1. */
  below(end: number): number;
  pick<T>(list: readonly T[]): T;
}

export function randomFrom(seed: string): Random {
  let [a, b, c, d] = hash128(new TextEncoder().encode(seed));
  const bits = () => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 20; i++) bits();
  const below = (end: number) => Math.floor((bits() / 4_294_967_296) * end);
  return { bits, below, pick: (list) => list[below(list.length)] };
}

/** Four FNV-1a hashes, each from another start and mixed at the end. */
function hash128(bytes: Uint8Array): [number, number, number, number] {
  const lane = (start: number) => {
    let hash = start ^ bytes.length;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 16_777_619);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) | 0;
  };
  return [lane(0x811c9dc5), lane(0x9e3779b9), lane(0x7f4a7c15), lane(0x94d049bb)];
}
