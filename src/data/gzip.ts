import { GramianError } from '../gpu/errors.ts';

// Deflate packs at most 1,032 bytes into one.
const MOST_FROM_ONE = 1032;

/** True where the bytes start with gzip's magic number. */
function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The bytes themselves, decompressed where they are gzip. A file that does not hold what it should is left after its head: a few
 * kilobytes may unpack to gigabytes.
 *
 * @param name what the bytes are, for the error
 * @param head how many bytes tell the length of all
 * @param lengthOf that length by the head; it throws where the head is not what it should be
 * @returns at most one byte more than `lengthOf` says, by which a longer file shows
 * @throws GramianError where the gzip stream is damaged or cut short
 */
export async function gunzip(
  bytes: Uint8Array,
  name: string,
  head: number,
  lengthOf: (head: Uint8Array) => number,
): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  const reader = inflate(bytes);
  let all = new Uint8Array(head);
  let have = 0;
  let known = false;
  const put = (chunk: Uint8Array): void => {
    const part = chunk.subarray(0, all.length - have);
    all.set(part, have);
    have += part.length;
    if (have < head || known) return;
    known = true;
    const length = lengthOf(all);
    if (length > MOST_FROM_ONE * bytes.length)
      throw new GramianError(
        `gunzip: ${name} has ${bytes.length} bytes, which cannot hold the ${length} that its header says, expected a whole file.`,
      );
    const longer = new Uint8Array(Math.max(head, length + 1));
    longer.set(all);
    all = longer;
    put(chunk.subarray(part.length));
  };
  try {
    while (have < all.length) {
      const { done, value } = await reader.read().catch(() => {
        throw new GramianError(`gunzip: ${name} is a damaged or cut gzip file, expected a whole one; fetch it again.`);
      });
      if (done) break;
      put(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  return all.subarray(0, have);
}

function inflate(bytes: Uint8Array): ReadableStreamDefaultReader<Uint8Array> {
  const pipe = new DecompressionStream('gzip');
  const writer = pipe.writable.getWriter();
  // Both ends fail together on bad bytes; the reading end reports it, so the writing end may stay silent.
  writer.write(bytes.slice()).catch(() => {});
  writer.close().catch(() => {});
  return pipe.readable.getReader();
}
