import { GramianError } from './errors.ts';

/** There is no WebGPU here, or no adapter of the kind asked for. */
export class NoAdapterError extends GramianError {
  override name = 'NoAdapterError';
}
