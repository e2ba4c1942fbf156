import { GramianError } from '../gpu/errors.ts';

/** True where the bytes start with gzip's magic number. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The bytes themselves, decompressed where they are gzip.
 *
 * @param name what the bytes are, for the error
 * @throws GramianError where the gzip stream is damaged or cut short
 */
export async function gunzip(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  if (!isGzip(bytes)) return bytes;
  const pipe = new DecompressionStream('gzip');
  const writer = pipe.writable.getWriter();
  // Both ends fail together on bad bytes; the reading end reports it, so the writing end may stay silent.
  writer.write(bytes.slice()).catch(() => {});
  writer.close().catch(() => {});
  try {
    const chunks: Uint8Array[] = [];
    const reader = pipe.readable.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) chunks.push(part.value);
    return join(chunks);
  } catch {
    throw new GramianError(`gunzip: ${name} is a damaged or cut gzip file, expected a whole one; fetch it again.`);
  }
}

function join(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
