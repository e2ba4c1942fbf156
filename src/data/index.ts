export { CIFAR10_CLASSES, readCifar10 } from './cifar.ts';
export { holdOut, type ImageSet, type ImageSplits, permutation, subset } from './dataset.ts';
export { type Decoder, sharpDecoder } from './decode.ts';
export { type FolderOptions, loadImages } from './folder.ts';
export { type NamedBytes, readIdx } from './idx.ts';
export { openData } from './open.ts';
