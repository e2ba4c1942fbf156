// What of gramian/data needs no files: all of it in a browser.

export {
  type ResidentImages,
  type UploadOptions,
  uploadImages,
  type ViewOptions,
} from './augment.ts';
export { type Augmentation, augmentations, type Range } from './augmentations.ts';
export { CIFAR10_CLASSES, readCifar10 } from './cifar.ts';
export { holdOut, type ImageSet, type ImageSplits, permutation, subset } from './dataset.ts';
export { type NamedBytes, readIdx } from './idx.ts';
