/** The machines that an executable can be made for, and how the head of its file says for which it is. */

/** All that `deno compile` of this Deno knows. */
export const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
  "aarch64-pc-windows-msvc",
] as const;

export type Target = (typeof TARGETS)[number];

/** Nothing that is looked at lies behind it. */
const HEAD_BYTES = 4_096;

export function fileOf(target: Target): string {
  return `userpipe-${target}${target.includes("windows") ? ".exe" : ""}`;
}

/** @returns undefined where the file is no executable of a known machine */
export async function targetOf(path: string): Promise<Target | undefined> {
  using file = await Deno.open(path);
  const head = new Uint8Array(HEAD_BYTES);
  const read = await file.read(head) ?? 0;
  return read < 64 ? undefined : ofHead(new DataView(head.buffer, 0, read));
}

function ofHead(head: DataView): Target | undefined {
  const magic = head.getUint32(0, true);
  if (magic === 0x464c457f) return elf(head.getUint16(18, true));
  if (magic === 0xfeedfacf) return machO(head.getUint32(4, true));
  if ((magic & 0xffff) !== 0x5a4d) return undefined;
  const pe = head.getUint32(0x3c, true);
  return pe + 6 <= head.byteLength ? windows(head.getUint16(pe + 4, true)) : undefined;
}

function windows(machine: number): Target | undefined {
  if (machine === 0x8664) return "x86_64-pc-windows-msvc";
  return machine === 0xaa64 ? "aarch64-pc-windows-msvc" : undefined;
}

function elf(machine: number): Target | undefined {
  if (machine === 0x3e) return "x86_64-unknown-linux-gnu";
  return machine === 0xb7 ? "aarch64-unknown-linux-gnu" : undefined;
}

function machO(cpu: number): Target | undefined {
  if (cpu === 0x01000007) return "x86_64-apple-darwin";
  return cpu === 0x0100000c ? "aarch64-apple-darwin" : undefined;
}
