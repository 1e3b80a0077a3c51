/**
 * What JSON comes to before it is parsed: values take up to thirty times the memory of their bytes, and values in
 * values without end cannot be written again. Below the sources that parse what others wrote.
 */

/** Values in values; the API's records have three. `JSON.stringify` takes some thousands. */
const MAX_DEPTH = 1_000;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [LIST, LIST_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Why these bytes are not to be parsed, for behind "JSON with"; nothing is said of what is no JSON. */
export function tooMuchJson(bytes: Uint8Array, maxValues: number): string | undefined {
  // Each level has a beginning and an end: most lines of a file are too short to be looked at.
  if (bytes.length < 2 * MAX_DEPTH) return undefined;
  const { values, depth } = shapeOf(bytes);
  if (values > maxValues) return `more than ${maxValues} values`;
  return depth > MAX_DEPTH ? `values more than ${MAX_DEPTH} deep` : undefined;
}

/** Every value but the first has a comma or a bracket before it. */
function shapeOf(bytes: Uint8Array): { values: number; depth: number } {
  let [values, depth, deepest, inText] = [0, 0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) inText = !inText;
    else if (inText) at += byte === BACKSLASH ? 1 : 0;
    else if (byte === COMMA) values++;
    else if (byte === LIST || byte === OBJECT) {
      values++;
      if (++depth > deepest) deepest = depth;
    } else if (byte === LIST_END || byte === OBJECT_END) depth--;
  }
  return { values, depth: deepest };
}
