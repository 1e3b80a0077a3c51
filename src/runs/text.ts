/** Text as every database takes it and gives it back: what one has no place for is replaced. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll("\0", "\ufffd");
}
