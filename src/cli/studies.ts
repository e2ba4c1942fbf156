import type { RunConfig } from './config.ts';

export interface Study {
  readonly title: string;
  readonly variants: readonly { readonly label: string; readonly config: Partial<RunConfig> }[];
}

const PART = 256;

/** Past what a part holds, in parts with cached gradients: the loss sees the whole batch in the memory of one part. */
const simclr = (batch: number): Study['variants'][number] => ({
  label: `batch ${batch}`,
  config: { method: 'simclr', batch, ...(batch > PART ? { accumulate: batch / PART, cached: true } : {}) },
});

/** What the papers claim, each as one question to the same budget. */
export const STUDIES: Readonly<Record<string, Study>> = {
  'batch-size': { title: 'SimCLR by batch size', variants: [32, 64, 128, 256, 512, 1024].map(simclr) },
  'multi-crop': {
    title: 'SwAV with and without multi-crop',
    variants: [
      { label: 'two views', config: { method: 'swav', options: { crops: 0 } } },
      { label: 'two views and two crops', config: { method: 'swav', options: { crops: 2 } } },
      { label: 'two views and four crops', config: { method: 'swav', options: { crops: 4 } } },
    ],
  },
  head: {
    title: 'SimCLR with and without its projection head',
    variants: [
      { label: 'with the head', config: { method: 'simclr', options: { head: true } } },
      { label: 'without', config: { method: 'simclr', options: { head: false } } },
    ],
  },
  labels: {
    title: 'SupCon, cross-entropy and SimCLR, clean and corrupted',
    variants: [
      { label: 'SupCon', config: { method: 'supcon', corrupted: true } },
      { label: 'Cross-entropy', config: { method: 'classifier', corrupted: true } },
      { label: 'SimCLR', config: { method: 'simclr', corrupted: true } },
    ],
  },
  variance: {
    title: "BYOL with VICReg's variance term",
    variants: [0, 0.1, 1].map((variance) => ({
      label: variance === 0 ? 'BYOL' : `BYOL + ${variance} variance`,
      config: { method: 'byol', options: { variance } },
    })),
  },
  attention: {
    title: 'A classifier with and without BA2M',
    variants: [
      { label: 'with the module', config: { method: 'ba2m' } },
      { label: 'without', config: { method: 'classifier' } },
    ],
  },
};
