/** The bytes of a file or of standard input, in chunks and in lines. Below `file.ts`, which finds records in them. */
import { messageOf, UserpipeError } from "../errors.ts";
import { joined } from "./bytes.ts";

/** What bytes are read from: an open file, standard input. `null` is the end. */
export interface Input {
  read(into: Uint8Array): Promise<number | null>;
}

/** A line without its line break. Of one that is longer than the limit only the beginning is there. */
export interface Line {
  /** From 1. */
  number: number;
  bytes: Uint8Array;
  tooLong: boolean;
}

const CHUNK_BYTES = 256 * 1024;
/** What is kept of a line that is longer than the limit, for its dead letter. */
export const KEPT_BYTES = 64 * 1024;
const NEWLINE = 10;

/** @throws {UserpipeError} `input` where there is no file, it is a folder, or it may not be read */
export async function openFile(path: string): Promise<Deno.FsFile> {
  try {
    const file = await Deno.open(path);
    if ((await file.stat()).isDirectory) {
      file.close();
      throw new UserpipeError("input", `"${path}" is a folder`, "Name a file with --file");
    }
    return file;
  } catch (error) {
    throw error instanceof UserpipeError ? error : unreadable(`"${path}"`, error);
  }
}

/** Ends at the input's end, or once `signal` is aborted. @throws {UserpipeError} `input` */
export async function* chunksOf(input: Input, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  let free = new Uint8Array(0);
  while (!signal?.aborted) {
    // Small reads, as a pipe gives them, share one piece of memory.
    if (free.length < CHUNK_BYTES / 4) free = new Uint8Array(CHUNK_BYTES);
    const length = await read(input, free, signal).catch((error) => {
      throw unreadable(name, error);
    });
    if (length === null || signal?.aborted) return;
    yield free.subarray(0, length);
    free = free.subarray(length);
  }
}

/** `null` at the end, and once `signal` is aborted: a read of standard input cannot be called off, and is left behind. */
function read(input: Input, into: Uint8Array, signal?: AbortSignal): Promise<number | null> {
  return new Promise<number | null>((resolve, reject) => {
    const stop = () => resolve(null);
    signal?.addEventListener("abort", stop, { once: true });
    input.read(into).then(resolve, reject).finally(() => signal?.removeEventListener("abort", stop));
  });
}

/** The lines that end in each chunk. `maxBytes` is the longest that is kept whole. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Line[]> {
  let number = 0;
  let begun: Uint8Array[] = [];
  let length = 0;

  function ended(): Line {
    const tooLong = length > maxBytes;
    const bytes = joined(begun);
    [begun, length] = [[], 0];
    return { number: ++number, bytes: tooLong ? bytes.slice(0, KEPT_BYTES) : bytes, tooLong };
  }

  function take(piece: Uint8Array): void {
    length += piece.length;
    if (length <= maxBytes || begun.length === 0) begun.push(piece);
  }

  for await (const chunk of chunks) {
    const lines: Line[] = [];
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, at)) {
      take(chunk.subarray(at, end));
      lines.push(ended());
      at = end + 1;
    }
    if (at < chunk.length) take(chunk.subarray(at));
    yield lines;
  }
  if (begun.length > 0) yield [ended()];
}

function unreadable(name: string, error: unknown): UserpipeError {
  const problem = (what: string, hint: string) => new UserpipeError("input", what, hint, { cause: error });
  if (error instanceof Deno.errors.NotFound) {
    return problem(`There is no file ${name}`, "Look at the path after --file");
  }
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return problem(`${name} may not be read`, "Give read permission to the file, or name another with --file");
  }
  return problem(
    `Cannot read ${name}: ${messageOf(error)}`,
    "Look at the file and its disk, or name another with --file",
  );
}
