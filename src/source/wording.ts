/** What the sources' messages share: sizes, and foreign text in a line. */

const MIB = 1024 * 1024;

/** For example `64 MiB`. */
export function sizeText(bytes: number): string {
  return bytes % MIB === 0 ? `${bytes / MIB} MiB` : `${bytes} bytes`;
}

/** Foreign text without line breaks and control characters, and not without end. */
export function oneLine(text: string): string {
  return text.replace(/[\p{C}\s]+/gu, " ").trim().slice(0, 200);
}
