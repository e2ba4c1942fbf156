import type { OptimizerName } from './optimizerNames.ts';

/** Network and method options by name, as a configuration holds them; each method checks its own. */
export type MethodOptions = Readonly<Record<string, unknown>>;

export interface MethodRow {
  readonly title: string;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** What gradient accumulation changes about its loss; null: nothing. */
  readonly accumulation: string | null;
  /** Whether its paper augments the two views of a photo differently. */
  readonly asymmetric?: boolean;
  /** Rows of its queue where no option says otherwise; none: it has no queue. */
  readonly queue?: number;
}

const ADAM_W = { optimizer: 'adamW', learningRate: 3e-3, weightDecay: 1e-4 } as const;
const FEWER_NEGATIVES = 'each row is contrasted with the rows of its own part only';
const NEWER_QUEUE = 'the queue already holds the keys of the parts before';
const FEWER_ROWS = 'the statistics over the batch are taken over a part at a time';

/**
 * The systems by their name on the command line. Learning rates are for the small encoders here, of which AdamW suits all
 * alike; the papers' own (SGD, LARS) are for large batches and ResNets, and `--optimizer` has them.
 */
export const METHODS: Readonly<Record<string, MethodRow>> = {
  simclr: {
    title: 'SimCLR',
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
  },
  moco: {
    title: 'MoCo v2',
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  'moco-v1': {
    title: 'MoCo v1',
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  'moco-v3': {
    title: 'MoCo v3',
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
    asymmetric: true,
  },
  supcon: {
    title: 'SupCon',
    ...ADAM_W,
    accumulation: FEWER_NEGATIVES,
  },
  swav: {
    title: 'SwAV',
    queue: 1024,
    ...ADAM_W,
    accumulation: 'codes are balanced over a part and the queue',
  },
  cc: {
    title: 'Contrastive Clustering',
    ...ADAM_W,
    accumulation: 'rows and clusters are contrasted within a part',
  },
  pcl: {
    title: 'PCL',
    queue: 4096,
    ...ADAM_W,
    accumulation: NEWER_QUEUE,
  },
  byol: {
    title: 'BYOL',
    ...ADAM_W,
    accumulation: null,
    asymmetric: true,
  },
  barlow: {
    title: 'Barlow Twins',
    ...ADAM_W,
    accumulation: FEWER_ROWS,
    asymmetric: true,
  },
  vicreg: {
    title: 'VICReg',
    ...ADAM_W,
    accumulation: FEWER_ROWS,
    asymmetric: true,
  },
  simsiam: {
    title: 'SimSiam',
    ...ADAM_W,
    accumulation: null,
  },
  ba2m: {
    title: 'BA2M',
    ...ADAM_W,
    accumulation: 'samples are weighted within their part',
  },
  classifier: {
    title: 'Cross-entropy',
    ...ADAM_W,
    accumulation: null,
  },
};
