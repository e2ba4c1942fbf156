export { type Decoder, sharpDecoder } from './decode.ts';
export { type FolderOptions, loadImages } from './folder.ts';
export * from './index.browser.ts';
export { openData } from './open.ts';
