/** UTF-8 of many short texts in few buffers: a buffer for each text costs more to make and to collect than the text. */

const SLAB_BYTES = 64 * 1024;
/** Bytes that one UTF-16 code unit takes at the most. */
const MOST_PER_UNIT = 3;

const encoder = new TextEncoder();

/** The texts stay as they were given; what a buffer holds lives as long as any of its texts. */
export class Slab {
  #bytes = new Uint8Array(SLAB_BYTES);
  #at = 0;

  encode(text: string): Uint8Array {
    const most = text.length * MOST_PER_UNIT;
    if (most > SLAB_BYTES / 4) return encoder.encode(text);
    if (this.#at + most > SLAB_BYTES) this.#renew();
    const start = this.#at;
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start));
    return this.#bytes.subarray(start, this.#at = start + written);
  }

  /** One behind the other; `bytes` themselves where there is no prefix. */
  join(prefix: Uint8Array | undefined, bytes: Uint8Array): Uint8Array {
    if (prefix === undefined) return bytes;
    const length = prefix.length + bytes.length;
    const joined = length > SLAB_BYTES / 4 ? new Uint8Array(length) : this.#room(length);
    joined.set(prefix);
    joined.set(bytes, prefix.length);
    return joined;
  }

  #room(length: number): Uint8Array {
    if (this.#at + length > SLAB_BYTES) this.#renew();
    return this.#bytes.subarray(this.#at, this.#at += length);
  }

  #renew(): void {
    this.#bytes = new Uint8Array(SLAB_BYTES);
    this.#at = 0;
  }
}
