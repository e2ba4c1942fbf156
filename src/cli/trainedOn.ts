import { createHash } from 'node:crypto';
import { resolve } from 'node:path';
import type { ResidentImages } from '../data/augment.ts';
import type { ImageSet, ImageSplits } from '../data/dataset.ts';
import type { TrainedOn } from './progressRecord.ts';

/** Which images a run sees. */
export type Origin = Pick<TrainedOn, 'source' | 'hash'>;

/** @param data what `--data` said */
export function originOf(data: string, splits: ImageSplits): Origin {
  return { source: data === 'letters' ? data : resolve(data), hash: hashOf(splits) };
}

/** SHA-256 of the pixels, shapes and labels of both parts: the same images anywhere have the same. */
function hashOf({ train, test }: ImageSplits): string {
  const hash = createHash('sha256');
  for (const set of [train, test]) {
    if (!set) continue;
    const { count, channels, height, width, images, labels } = set;
    hash.update(JSON.stringify([count, channels, height, width, labels !== null])).update(images);
    if (labels) hash.update(new Uint8Array(labels.buffer, labels.byteOffset, labels.byteLength));
  }
  return hash.digest('hex');
}

export function trainedOn(
  { channels, height, width, count, files }: ImageSet,
  { mean, deviation }: Pick<ResidentImages, 'mean' | 'deviation'>,
  classes: readonly string[],
  origin: Origin,
): TrainedOn {
  const preprocessing = files ? 'middle square' : 'none';
  return { ...origin, channels, height, width, mean, deviation, preprocessing, images: count, classes };
}
