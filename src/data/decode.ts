import * as check from '../core/check.ts';
import { GramianError } from '../gpu/errors.ts';

/**
 * Reads one image file and fits it to a square.
 *
 * @returns [size, size, channels], the channels of a pixel side by side; rejects where the file cannot be read
 */
export type Decoder = (file: string, size: number, channels: 1 | 3) => Promise<Uint8Array>;

/** The part of the package `sharp` that is used here: it is optional, so its own types may be absent. */
interface Sharp {
  rotate(): Sharp;
  resize(width: number, height: number, options: { fit: 'cover' }): Sharp;
  flatten(options: { background: string }): Sharp;
  toColourspace(space: 'srgb' | 'b-w'): Sharp;
  raw(options: { depth: 'uchar' }): Sharp;
  toBuffer(): Promise<Uint8Array>;
}

/** Height and width of an image in memory. */
export const MOST_SIZE = 4096;

/** What `import('sharp')` gives. */
export interface SharpModule {
  default(file: string): Sharp;
}

/** A decoder on the package `sharp`: upright by EXIF, cropped to the middle square, transparency over white. */
export function sharpDecoder(module: SharpModule): Decoder {
  const op = 'sharpDecoder';
  if (typeof module?.default !== 'function')
    check.fail(op, `${check.came('module', module, 'is')}, expected what import('sharp') gives.`);
  return async (file, size, channels) => {
    check.text(op, 'file', file);
    check.integer(op, 'size', size, 1, MOST_SIZE);
    if (channels !== 1 && channels !== 3) check.fail(op, `${check.came('channels', channels)}, expected 1 or 3.`);
    return module
      .default(file)
      .rotate()
      .resize(size, size, { fit: 'cover' })
      .flatten({ background: '#ffffff' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  };
}

/**
 * The decoder that is used where none is given.
 *
 * @param directory named in the error
 * @param load gets the package
 * @throws GramianError where `sharp` is not installed
 */
export async function defaultDecoder(directory: string, load = importSharp): Promise<Decoder> {
  try {
    return sharpDecoder(await load());
  } catch {
    throw new GramianError(
      `loadImages: ${directory} holds PNG/JPEG files, expected the optional package sharp to read them; npm i sharp.`,
    );
  }
}

// The name is no literal, so that neither the type checker nor a bundler wants the package to be there.
const importSharp = (name = 'sharp'): Promise<SharpModule> => import(name);
