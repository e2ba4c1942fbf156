/** Everything a report shows about one training run. Numbers that are not finite are drawn as gaps. */
export interface ReportData {
  /** The heading, such as `SimCLR on letters`. */
  title: string;
  /** What to type to get this run again. */
  command: string;
  /** The GPU, in words. */
  adapter: string;
  /** ISO 8601. */
  startedAt: string;
  method: string;
  dataset: {
    name: string;
    /** Images trained on. */
    train: number;
    /** Images measured on. */
    test: number;
    classes: number;
  };
  parameters: Record<string, string | number>;
  loss: LossPoint[];
  accuracy: Accuracy;
  speed: {
    /** Of training, evaluation left out. */
    imagesPerSecond: number;
    /** Of the whole run. */
    seconds: number;
    /** GPU memory. */
    peakBytes: number;
  };
  /** Signs of collapse. */
  warnings?: string[];
  embeddings: EmbeddingPicture;
}

export interface LossPoint {
  step: number;
  /** Epochs done at this step, fractions included. */
  epoch: number;
  loss: number;
  learningRate: number;
}

/** Shares of the test images whose class is found from features, in [0, 1]; NaN where labels are missing. */
export interface FeatureScores {
  /** By their nearest neighbours: k = 20, cosine. */
  readonly knn: number;
  /** By a linear classifier. */
  readonly probe: number;
}

/** What features of the test images are worth. */
export interface Accuracy {
  /** The pixels themselves. */
  raw: FeatureScores;
  /** The encoder before its first step. */
  untrained: FeatureScores;
  /** The encoder at the end. */
  trained: FeatureScores;
  history: { epoch: number; knn: number }[];
}

/** Some test embeddings in two dimensions. */
export interface EmbeddingPicture {
  /** [n][2] */
  points: [number, number][];
  /** [n], numbers of `classes`; empty where the images have no labels. */
  labels: number[];
  /** The name of each class, drawn in place of a dot where it is one letter. */
  classes: string[];
  /** The image behind each point; see `makeThumbnails`. */
  thumbnails?: Thumbnails;
}

export interface Thumbnails {
  /** Height and width in pixels. */
  size: number;
  channels: 1 | 3;
  /** Base64 of the bytes [n, channels, size, size]. */
  data: string;
}
